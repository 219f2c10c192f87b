/**
 * Tables 1 to 6 of the paper ("Regression Over Classification: Assessing Image Aesthetics via Multimodal Large Language
 * Models", AAAI 2026), figures and captions as printed. Table 1 is printed with its methods side by side; here every table
 * has a row a method.
 */
import type { PublishedTable, RowSystem, TableColumn, TableMetric, TableRow } from "./types.js";

/** Where the figures come from. */
export const PAPER = "ROC4MLLM, AAAI 2026";

const OURS = { method: "ROC4MLLM", backbone: "mplug_owl2", strategy: "roc" } as const satisfies RowSystem;
const Q_ALIGN = { method: "Q-Align", backbone: "mplug_owl2", strategy: "level" } as const satisfies RowSystem;
const MPLUG = { method: "mPLUG-Owl2", backbone: "mplug_owl2", strategy: "direct" } as const satisfies RowSystem;
const LLAVA = { method: "LLaVA 1.5", backbone: "llava", strategy: "direct" } as const satisfies RowSystem;
const QWEN = { method: "Qwen2-VL", backbone: "qwen2_vl", strategy: "direct" } as const satisfies RowSystem;

const NIMA = { system: "nima" } as const;
const TANET = { system: "tanet", single: true } as const;
const MUSIQ = { system: "musiq", single: true } as const;
const MAXVIT = { system: "maxvit", single: true } as const;
const EAT = { system: "eat", single: true } as const;
const Q_INSTRUCT = { backbone: "llava", strategy: "direct", start: "q-instruct" } as const;
const AES_EXPERT = { backbone: "llava", strategy: "direct", start: "aes-expert" } as const;
const BIAA = { system: "biaa", single: true } as const;
const HGCN = { system: "hlagcn", single: true } as const;
const AESMAMBA = { system: "aesmamba", single: true } as const;
const MAINET = { system: "mainet", single: true } as const;
const CALM = { unmade: "has neither public code nor public weights" } as const;

/** A row of a method that is known by its name. */
function named(label: string, cells: string, more: Partial<TableRow> = {}): TableRow {
  return { method: label.replace(/ \(.*$/, ""), label, cells: cells.split(" "), ...more };
}

function scores(dataset: TableColumn["dataset"], group: string, metrics: readonly TableMetric[]): TableColumn[] {
  return metrics.map((metric) => ({ dataset, group, label: "", metric }));
}

const CNN = { group: "CNN-based" };
const TRANSFORMER = { group: "Transformer-based" };
const MLLM = { group: "MLLM-based" };

const TABLE1: PublishedTable = {
  name: "table1",
  caption: "Comparison of 16 methods on the AVA dataset, with the bold numbers indicating the best results.",
  columns: scores("ava", "AVA", ["srcc", "plcc", "mae"]),
  rows: [
    named("NIMA (TIP 2018)", "0.612 0.636 0.454", { ...CNN, ...NIMA }),
    named("BIAA (TCYB 2020)", "0.651 0.668 0.473", { ...CNN, ...BIAA }),
    named("HGCN (CVPR 2021)", "0.665 0.687 0.460", { ...CNN, ...HGCN }),
    named("TANet (IJCAI 2022)", "0.758 0.765 0.414", { ...CNN, ...TANET }),
    named("MUSIQ (ICCV 2021)", "0.726 0.738 0.438", { ...TRANSFORMER, ...MUSIQ }),
    named("MaxVit (ECCV 2022)", "0.708 0.745 0.416", { ...TRANSFORMER, ...MAXVIT }),
    named("EAT (ACMMM 2023)", "0.759 0.770 0.372", { ...TRANSFORMER, ...EAT }),
    named("AesMamba (ACMMM 2024)", "0.751 0.760 -", { group: "Mamba-based", ...AESMAMBA }),
    named("LLaVA 1.5 (CVPR 2024)", "0.781 0.777 0.371", { ...MLLM, ...LLAVA }),
    named("Q-Instruct (CVPR 2024)", "0.782 0.778 0.369", { ...MLLM, ...Q_INSTRUCT }),
    named("AesExpert (ACMMM 2024)", "0.784 0.779 0.369", { ...MLLM, ...AES_EXPERT }),
    named("mPLUG-Owl2 (CVPR 2024)", "0.788 0.786 0.361", { ...MLLM, ...MPLUG }),
    named("Qwen2-VL (arXiv 2024)", "0.778 0.780 0.429", { ...MLLM, ...QWEN }),
    named("Q-Align (ICML 2024)", "0.822 0.817 0.934", { ...MLLM, ...Q_ALIGN }),
    named("CALM (AAAI 2025)", "0.815 0.829 -", { ...MLLM, ...CALM }),
    named("ROC4MLLM (Ours)", "0.833* 0.832* 0.319*", { ...MLLM, ...OURS }),
  ],
};

const TABLE2: PublishedTable = {
  name: "table2",
  caption: "Comparison on TAD66K and ICAA17K.",
  columns: [...scores("tad66k", "TAD66K", ["srcc", "plcc"]), ...scores("icaa17k", "ICAA17K", ["srcc", "plcc"])],
  rows: [
    named("NIMA (TIP 2018)", "0.390 0.405 0.809 0.815", NIMA),
    named("BIAA (TCYB 2020)", "0.417 0.431 0.820 0.829", BIAA),
    named("MUSIQ (ICCV 2021)", "0.489 0.517 0.835 0.841", MUSIQ),
    named("HGCN (CVPR 2021)", "0.486 0.493 0.826 0.831", HGCN),
    named("TANet (IJCAI 2022)", "0.513 0.531 0.829 0.836", TANET),
    named("MaxVit (ECCV 2022)", "0.484 0.513 0.855 0.874", MAXVIT),
    named("EAT (ACMMM 2023)", "0.517 0.546 - -", EAT),
    named("ICAA (ICCV 2023)", "- - 0.873 0.890", { system: "icaa" }),
    named("AesMamba (ACMMM 2024)", "0.475 0.503 - -", AESMAMBA),
    named("QAligns (ICML 2024)", "0.506 0.536 0.761 0.781", Q_ALIGN),
    named("ROC4MLLM (Ours)", "0.518* 0.550* 0.894* 0.903*", OURS),
  ],
};

const TABLE3: PublishedTable = {
  name: "table3",
  caption: "The holistic results on AADB and PARA.",
  columns: [...scores("para", "PARA", ["srcc", "plcc"]), ...scores("aadb", "AADB", ["srcc", "plcc"])],
  rows: [
    named("NIMA (TIP 2018)", "0.877 0.862 0.700 0.711", NIMA),
    named("BIAA (TCYB 2020)", "0.858 0.886 0.710 0.733", BIAA),
    named("MUSIQ (ICCV 2021)", "0.899 0.918 0.751 0.761", MUSIQ),
    named("HGCN (CVPR 2021)", "0.865 0.881 0.716 0.734", HGCN),
    named("TANet (IJCAI 2022)", "0.887 0.899 0.749 0.742", TANET),
    named("MaxVit (ECCV 2022)", "0.902 0.936 0.742 0.748", MAXVIT),
    named("EAT (ACMMM 2023)", "0.909 0.940 0.759 0.767", EAT),
    named("AesMamba (ACMMM 2024)", "0.902 0.936 0.768 0.774", AESMAMBA),
    named("QAligns (ICML 2024)", "0.923 0.940 0.762 0.770", Q_ALIGN),
    named("ROC4MLLM (Ours)", "0.934* 0.956* 0.783* 0.789*", OURS),
  ],
};

/** The printed names of attributes, and those of the adapters. */
function attributes(dataset: TableColumn["dataset"], group: string, names: Record<string, string>): TableColumn[] {
  return Object.entries(names).map(([label, attribute]) => ({ dataset, group, label, attribute }));
}

/** Two rows of Table 4. */
function bothRows(label: string, plcc: string, srcc: string, system: Partial<RowSystem> = {}): TableRow[] {
  return [named(label, plcc, { ...system, metric: "plcc" }), named(label, srcc, { ...system, metric: "srcc" })];
}

const TABLE4: PublishedTable = {
  name: "table4",
  caption: "The multi-attribute performance comparison on the AADB and PARA datasets.",
  columns: [
    ...attributes("aadb", "Attributes in AADB", {
      "Color Harmony": "ColorHarmony",
      DoF: "DoF",
      Light: "Light",
      "Motion Blur": "MotionBlur",
      RoT: "RuleOfThirds",
      "Vivid Color": "VividColor",
    }),
    ...attributes("para", "Attributes in PARA", {
      Composition: "compositionScore",
      Color: "colorScore",
      DoF: "dofScore",
      Light: "lightScore",
    }),
  ],
  rows: [
    ...bothRows(
      "Kong et al. (ECCV 2016)",
      "0.48 0.46 0.42 0.10 0.21 0.64 0.66 0.69 0.69 0.68",
      "0.47 0.48 0.44 0.10 0.23 0.65 0.67 0.67 0.71 0.69",
      { system: "kong" },
    ),
    ...bothRows(
      "Malu et al. (arXiv 2017)",
      "0.50 0.47 0.48 0.12 0.21 0.62 0.77 0.77 0.82 0.78",
      "0.48 0.50 0.48 0.14 0.22 0.64 0.77 0.80 0.80 0.80",
      { system: "malu" },
    ),
    ...bothRows(
      "MP_ada (ACMMM 2018)",
      "0.48 0.50 0.36 0.16 0.17 0.64 0.65 0.67 0.71 0.72",
      "0.48 0.50 0.40 0.13 0.18 0.68 0.67 0.66 0.67 0.72",
      { system: "mpada" },
    ),
    ...bothRows(
      "NIMA (TIP 2018)",
      "0.48 0.55 0.39 0.12 0.14 0.62 0.72 0.76 0.74 0.77",
      "0.46 0.29 0.35 0.12 0.12 0.60 0.74 0.75 0.74 0.74",
      NIMA,
    ),
    ...bothRows(
      "MUSIQ (ICCV 2021)",
      "0.43 0.27 0.32 0.03 0.06 0.61 0.77 0.77 0.79 0.76",
      "0.44 0.22 0.33 0.04 0.07 0.60 0.76 0.78 0.80 0.77",
      MUSIQ,
    ),
    ...bothRows(
      "TANet (IJCAI 2022)",
      "0.47 0.48 0.48 0.17 0.18 0.68 0.74 0.79 0.77 0.76",
      "0.48 0.48 0.48 0.14 0.22 0.63 0.74 0.77 0.78 0.76",
      TANET,
    ),
    ...bothRows(
      "MAINet (ACMMM 2024)",
      "0.51 0.64 0.48 0.19 0.25 0.67 0.83 0.84 0.86 0.85",
      "0.50 0.65* 0.51 0.20 0.23 0.70 0.78 0.81 0.82 0.81",
      MAINET,
    ),
    ...bothRows(
      "Q-Align (ICML 2024)",
      "0.55 0.75 0.54 0.10 0.27 0.73 0.91 0.91 0.91 0.91",
      "0.55 0.53 0.51 0.10 0.27 0.73 0.89 0.90 0.89 0.89",
      Q_ALIGN,
    ),
    ...bothRows(
      "ROC4MLLM (Ours)",
      "0.57* 0.77* 0.64* 0.31* 0.31* 0.74* 0.93* 0.93* 0.93* 0.93*",
      "0.57* 0.61 0.57* 0.22* 0.31* 0.75* 0.90* 0.91* 0.90* 0.90*",
      OURS,
    ),
  ],
};

const ONE_METRIC = "Score Prediction";
const WITH_COMMENTS = "Score Prediction & Comments Generation";

/** A row of Table 5: three scores (each with its change where comments are written), CIDEr and SPICE. */
function task(system: RowSystem, cells: readonly string[]): TableRow {
  const base = system.strategy === "roc" ? `${system.method} + ROC4MLLM` : system.method;
  return { ...system, label: base, group: system.comments ? WITH_COMMENTS : ONE_METRIC, cells };
}

function alone(system: RowSystem, cells: string): TableRow {
  return task(system, [...cells.split(" "), "-", "-"]);
}

function withComments(system: RowSystem, ...cells: readonly string[]): TableRow {
  return task({ ...system, comments: true }, cells);
}

const MPLUG_ROC = { ...OURS, method: "mPLUG-Owl2" };
const LLAVA_ROC = { method: "LLaVA 1.5", backbone: "llava", strategy: "roc" } as const satisfies RowSystem;
const QWEN_ROC = { method: "Qwen2-VL", backbone: "qwen2_vl", strategy: "roc" } as const satisfies RowSystem;

const TABLE5: PublishedTable = {
  name: "table5",
  caption:
    "Results of representative MLLMs for predicting scores alone and for simultaneously predicting scores and generating " +
    "text. Most methods, except ours, show reduced score prediction performance due to interference between scores and text.",
  columns: [
    ...scores("ava-captions", ONE_METRIC, ["srcc", "plcc", "mae"]),
    ...scores("ava-captions", "Comments Generation", ["cider", "spice"]),
  ],
  rows: [
    alone(MPLUG, "0.761 0.762 0.379"),
    alone(Q_ALIGN, "0.821 0.815 0.938"),
    alone(MPLUG_ROC, "0.831 0.830 0.322"),
    withComments(MPLUG, "0.758 (-0.3%)", "0.758 (-0.4%)", "0.382 (+0.3%)", "0.082", "0.067*"),
    withComments(Q_ALIGN, "0.819 (-0.2%)", "0.818 (+0.3%)", "0.895 (-4.3%)", "0.069", "0.061"),
    withComments(MPLUG_ROC, "0.835* (+0.4%)", "0.834* (+0.4%)", "0.317* (-0.5%)", "0.085*", "0.066"),
    alone(LLAVA, "0.775 0.773 0.372"),
    alone(LLAVA_ROC, "0.793 0.794 0.354"),
    withComments(LLAVA, "0.767 (-0.8%)", "0.767 (-0.6%)", "0.377 (+0.5%)", "0.077", "0.066*"),
    withComments(LLAVA_ROC, "0.794* (+0.1%)", "0.795* (+0.1%)", "0.353* (-0.1%)", "0.078*", "0.064"),
    alone(QWEN, "0.784 0.785 0.405"),
    alone(QWEN_ROC, "0.831 0.829 0.327"),
    withComments(QWEN, "0.780 (-0.4%)", "0.781 (-0.4%)", "0.415 (+1.0%)", "0.089", "0.069*"),
    withComments(QWEN_ROC, "0.831* (+0.0%)", "0.830* (+0.1%)", "0.325* (-0.2%)", "0.090*", "0.068"),
  ],
};

const TABLE6: PublishedTable = {
  name: "table6",
  caption: "Ablation studies on AVA and ICAA17K.",
  columns: [...scores("ava", "AVA", ["srcc", "plcc"]), ...scores("icaa17k", "ICAA17K", ["srcc", "plcc"])],
  rows: [
    named("Baseline", "0.788 0.786 0.688 0.707", MPLUG),
    named("Regression w/o Loss Decoupling", "0.825 0.824 0.873 0.880", { ...OURS, strategy: "coupled" }),
    named("Regression w/ Loss Decoupling", "0.833* 0.832* 0.894* 0.903*", OURS),
  ],
};

/** Every table by its name. */
export const TABLES: readonly PublishedTable[] = [TABLE1, TABLE2, TABLE3, TABLE4, TABLE5, TABLE6];
