/**
 * Checkpoints that others published to score pictures: whose they are, under which licence, and what is published of their
 * agreement with people. The table of docs/which-checkpoint.md, `roc4mllm use` and every page are made of this list. Data only.
 */
import { lastPart } from "./names.js";

/** Rank (SRCC) and linear (PLCC) correlation with the mean ratings of AVA's test photographs, and who says so. */
export interface AvaFigures {
  readonly srcc: number;
  readonly plcc: number;
  readonly source: "their page" | "second-hand" | "paper";
}

/** A published checkpoint. */
export interface KnownCheckpoint {
  /** As its authors call it. */
  readonly title: string;
  /** What its folder or the last part of its repository's name is, from beginning to end, in any case. */
  readonly names: RegExp;
  readonly backbone: string;
  readonly modelType: string;
  /** In billions. */
  readonly parameters: number;
  /** Of the weights, with where that is said; "unknown" where no text of it was found. */
  readonly licence: string;
  /** Undefined: unknown. A text: why there is none. */
  readonly ava: AvaFigures | string | undefined;
  /** How it was asked for these figures; undefined: by its own texts and score tokens. */
  readonly asked?: Asked;
  /** Its short name in the place of a checkpoint's, and the repository that this stands for. */
  readonly choice?: { readonly name: string; readonly repo: string };
}

/** A published scorer and what it rates. */
export interface Asked {
  /** As `--scorer` takes it. */
  readonly name: string;
  /** As `--aspect` takes it. */
  readonly aspect: string;
}

const THEIR_CARD = "Apache-2.0 (its card)";
const LITES_CARD = "Apache-2.0 (as Lite's card says)";
const LLAMA = "unknown; LLaMA-2's beneath";
const S_LAB = "S-Lab's, non-commercial";
const UNKNOWN = "unknown";
const QUALITY_ONLY = "none published: quality only";

const MPLUG = { backbone: "mPLUG-Owl2-7B", modelType: "mplug_owl2", parameters: 8.2, licence: LLAMA };
const INTERN = { backbone: "InternVL3-8B", modelType: "internvl_chat", parameters: 7.94, licence: UNKNOWN };
const QWEN25 = { backbone: "Qwen2.5-VL-7B", modelType: "qwen2_5_vl", parameters: 8.29, licence: UNKNOWN };

function ava(source: AvaFigures["source"], srcc: number, plcc: number): AvaFigures {
  return { srcc, plcc, source };
}

/** What AVA's ratings are of. */
function aesthetics(name: string): Asked {
  return { name, aspect: "aesthetics" };
}

const CLIP = { backbone: "CLIP ViT-L/14", modelType: "aesthetics_predictor", parameters: 0.3 };

/** All that are known here. */
export const KNOWN_CHECKPOINTS: readonly KnownCheckpoint[] = [
  {
    title: "Q-ReAlign Mini",
    names: /q-?realign-mini(-0\.8b)?/,
    ...{ backbone: "Qwen3.5-0.8B", modelType: "qwen3_5", parameters: 1.11, licence: LITES_CARD },
    ava: ava("their page", 0.797, 0.794),
    asked: aesthetics("q-realign"),
  },
  {
    title: "Q-ReAlign Lite",
    names: /q-?realign-lite(-4b)?/,
    ...{ backbone: "Qwen3.5-4B", modelType: "qwen3_5", parameters: 5.17, licence: THEIR_CARD },
    ava: ava("their page", 0.814, 0.804),
    asked: aesthetics("q-realign"),
  },
  {
    title: "Q-ReAlign Pro",
    names: /q-?realign-pro(-9b)?/,
    ...{ backbone: "Qwen3.5-9B", modelType: "qwen3_5", parameters: 9.41, licence: LITES_CARD },
    ava: ava("their page", 0.832, 0.828),
    asked: aesthetics("q-realign"),
  },
  { title: "ROC4MLLM", names: /roc4mllm/, ...MPLUG, ava: ava("paper", 0.833, 0.832) },
  {
    title: "OneAlign, Q-Align",
    names: /one-?align|q-align/,
    ...MPLUG,
    ava: ava("paper", 0.822, 0.817),
    asked: aesthetics("q-align"),
  },
  {
    title: "ArtiMuse",
    names: /artimuse/,
    ...INTERN,
    ava: ava("second-hand", 0.827, 0.826),
    asked: aesthetics("artimuse"),
  },
  {
    title: "ArtiMuse's _AVA, _PARA, _TAD66K, _FLICKR-AES",
    names: /artimuse_(ava|para|tad66k|flickr-aes)/,
    ...INTERN,
    ava: undefined,
  },
  { title: "UniPercept", names: /unipercept/, ...INTERN, ava: undefined },
  {
    title: "Q-SiT",
    names: /q-sit/,
    ...{ backbone: "LLaVA-OneVision 7B", modelType: "llava_onevision", parameters: 8.03, licence: UNKNOWN },
    ava: QUALITY_ONLY,
  },
  {
    title: "Q-SiT-mini",
    names: /q-sit-mini/,
    ...{ backbone: "LLaVA-OneVision 0.5B", modelType: "llava_onevision", parameters: 0.89, licence: UNKNOWN },
    ava: QUALITY_ONLY,
  },
  {
    title: "HPSv3",
    names: /hpsv3/,
    ...{ backbone: "Qwen2-VL-7B", modelType: "qwen2_vl", parameters: 8.29, licence: THEIR_CARD },
    ava: "none: preference of made pictures",
  },
  {
    title: "Q-Instruct",
    names: /llava_v1\.5_7b_qinstruct_preview_v0\.1/,
    ...{ backbone: "LLaVA-1.5 7B", modelType: "llava", parameters: 7.06, licence: S_LAB },
    ava: QUALITY_ONLY,
  },
  {
    title: "Q-Instruct (mPLUG-Owl2)",
    names: /mplug_owl2_7b_448_qinstruct_preview_v0\.2/,
    ...{ ...MPLUG, licence: S_LAB },
    ava: QUALITY_ONLY,
  },
  { title: "Q-Insight", names: /q-insight|score_degradation/, ...QWEN25, ava: undefined },
  { title: "VisualQuality-R1", names: /visualquality-r1(-7b)?/, ...QWEN25, ava: undefined },
  { title: "Aes-R1", names: /aes-r1(-7b)?/, ...QWEN25, ava: undefined },
  {
    title: "LAION aesthetics v2",
    names: /aesthetics-predictor-v2-sac-logos-ava1-l14-linearmse/,
    ...{ ...CLIP, licence: "Apache-2.0 (head), MIT (tower); the repository has no card" },
    ava: "none established: its head has learned from AVA, test photographs perhaps among them",
    choice: { name: "laion-v2", repo: "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE" },
  },
  {
    title: "LAION aesthetics v1",
    names: /aesthetics-predictor-v1-vit-large-patch14/,
    ...{ ...CLIP, licence: "MIT (head, tower); the repository has no card" },
    ava: "none established",
    choice: { name: "laion-v1", repo: "shunk031/aesthetics-predictor-v1-vit-large-patch14" },
  },
];

/**
 * The published checkpoint of that name.
 *
 * @param name a repository (`owner/name`), a folder, or a result's `model` (`owner/name@digest`)
 * @returns undefined where it is none that is known here, as every one that was trained further
 */
export function knownCheckpoint(name: string): KnownCheckpoint | undefined {
  const last = lastPart(name.replace(/@[0-9a-f]{8,}$/, ""));
  return KNOWN_CHECKPOINTS.find(({ names }) => new RegExp(`^(?:${names.source})$`, "i").test(last));
}

/** Short names of checkpoints on the hub. */
export const CHOICES: readonly string[] = KNOWN_CHECKPOINTS.flatMap(({ choice }) => choice?.name ?? []);

/** The repository that a short name stands for; any other name itself. */
export function repoOfChoice(name: string): string {
  return KNOWN_CHECKPOINTS.find(({ choice }) => choice?.name === name)?.choice?.repo ?? name;
}

const SAYS: Readonly<Record<AvaFigures["source"], string>> = {
  "their page": "its authors' page reports",
  "second-hand": "a survey reports",
  paper: "the ROC4MLLM paper reports",
};

/**
 * What is published of a checkpoint on real photographs, as half a sentence without a full stop: figures only of scores that are
 * asked for as the measured ones were.
 *
 * @param scorer as which it scores, null: by its own texts; undefined: that is not known yet
 */
export function publishedWorth(
  { ava, asked }: Pick<KnownCheckpoint, "ava" | "asked">,
  scorer?: Readonly<Asked> | null,
): string {
  if (ava === undefined) return "no figure of it on AVA's photographs is known here";
  if (typeof ava === "string") return `on AVA's photographs ${ava}`;
  const measured = asked ? wayOf(asked) : "its own score tokens";
  if (scorer !== undefined && (scorer?.name !== asked?.name || scorer?.aspect !== asked?.aspect)) {
    const now = scorer ? wayOf(scorer) : "its own texts";
    return `its published figures on AVA's photographs are of ${measured}; of ${now} none is known here`;
  }
  const [srcc, plcc] = [ava.srcc, ava.plcc].map((figure) => figure.toFixed(3).replace(/^0/, ""));
  const only = scorer === undefined && asked ? ` with ${measured}` : "";
  return `${SAYS[ava.source]} SRCC ${srcc} and PLCC ${plcc} on AVA's test photographs${only} (not checked here)`;
}

function wayOf({ name, aspect }: Asked): string {
  return `--scorer ${name} --aspect ${aspect}`;
}
