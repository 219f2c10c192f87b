/** The charts of an experiment: SRCC of every arm, differences, and SRCC by number of score tokens. */
import { intervalChart, type IntervalRow } from "../../html/index.js";
import type { PooledFigures } from "./pooled-figures.js";
import { strategiesOf } from "./runs.js";
import type { ExperimentResults } from "./results.js";

/** Of correlations, and of differences between them: an axis ends at 1. */
const CORRELATIONS = { min: -1, max: 1 };

/** Of the holistic score, or of the attributes where answers hold some. */
export function strategiesChart(
  { arms, provenance: { config } }: ExperimentResults,
  of: "figures" | "attributes",
): string {
  const plain = arms.filter((arm) => arm.scoreTokens === config.scoreTokens && arm[of] !== null);
  const heads = [...new Set(plain.map(({ backbone, condition }) => `${backbone}, ${condition}`))];
  const rows = heads.flatMap((label): IntervalRow[] => [
    { label },
    ...plain
      .filter(({ backbone, condition }) => `${backbone}, ${condition}` === label)
      .map((arm) => armRow(arm[of], arm.strategy, strategiesOf(config).indexOf(arm.strategy))),
  ]);
  const [title, scores] =
    of === "figures"
      ? ["SRCC by strategy", "the holistic score"]
      : ["SRCC of the attributes by strategy", "the attributes (their mean)"];
  return intervalChart({ bounds: CORRELATIONS, title, axis: `SRCC of ${scores}, mean over seeds, 95% interval`, rows });
}

function armRow(figures: PooledFigures | null, label: string, colour: number): IntervalRow {
  const srcc = figures?.srcc ?? null;
  return { label, interval: srcc, runs: Object.values(srcc?.runs ?? {}), colour };
}

export function differencesChart({ claims }: ExperimentResults): string {
  const rows = claims.flatMap(({ question, findings }): IntervalRow[] => [
    { label: question },
    ...findings
      .filter(({ backbone }) => backbone === "all")
      .map(({ a, b, scores, by, differences }) => {
        const what = by === "best" ? ", best of a set" : scores === "attributes" ? ", attributes" : "";
        const interval = differences[by];
        return { label: `${a} − ${b}${what}`, interval, runs: Object.values(interval?.runs ?? {}) };
      }),
  ]);
  return intervalChart({ bounds: CORRELATIONS, title: differencesTitle(claims), axis: "difference, paired, over all backbones and seeds, 95% interval", rows, mark: 0 }); // prettier-ignore
}

function differencesTitle(claims: ExperimentResults["claims"]): string {
  const ofSets = claims.some(({ findings }) => findings.some(({ by }) => by === "best"));
  return `Differences of SRCC${ofSets ? ", and of the share of sets whose best is found" : ""}`;
}

export function scoreTokensChart({ arms, provenance: { config } }: ExperimentResults): string {
  const condition = config.ablation?.condition;
  const roc = arms.filter((arm) => arm.strategy === "roc" && arm.condition === condition);
  const backbones = [...new Set(roc.map(({ backbone }) => backbone))];
  const rows = backbones.flatMap((backbone, colour): IntervalRow[] => {
    const own = roc.filter((arm) => arm.backbone === backbone).sort((a, b) => a.scoreTokens - b.scoreTokens);
    return own.length < 2
      ? []
      : [{ label: backbone }, ...own.map((arm) => armRow(arm.figures, `N = ${arm.scoreTokens}`, colour))];
  });
  return intervalChart({ bounds: CORRELATIONS, title: "SRCC by number of score tokens", axis: "SRCC of the holistic score, mean over seeds, 95% interval", rows }); // prettier-ignore
}
