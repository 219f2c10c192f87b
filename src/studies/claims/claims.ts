/**
 * The paper's claims as questions, answered only from the figures: every word below follows from intervals of paired
 * differences, by the rules of {@link verdictOf} and {@link answerOf}.
 */
import type { StrategyName } from "../../roc/strategy-names.js";
import { SCORE } from "../../eval/index.js";
import {
  differences,
  type CompareOptions,
  type Difference,
  type Differences,
  type RunPredictions,
  type Truth,
} from "./pooled-figures.js";
import { hasAttributes, isCommented, type ConditionConfig, type ExperimentConfig } from "./config.js";
import type { Finished, FinishedArm } from "./finished-runs.js";

/**
 * A figure that verdicts are about: SRCC, or the share of sets whose best picture is found.
 *
 * @category Studies
 */
export type MainFigure = "srcc" | "best";

/** The names of the figures that verdicts are about; others are shown beside them. */
const MAIN: Readonly<Record<MainFigure, string>> = { srcc: "SRCC", best: "Sets whose best is found" };

/**
 * Whether one side's figure is above the other's, by the interval of the difference.
 *
 * @category Studies
 */
export type Verdict = "higher" | "lower" | "not told apart" | "not known";

/**
 * Answer to a claim's question.
 *
 * @category Studies
 */
export type Answer = "yes" | "in part" | "not shown" | "mixed" | "no, the other way round" | "not known";

/**
 * Two sides that were compared: the difference is `a - b`.
 *
 * @category Studies
 */
export interface Finding {
  /** One side: condition, strategy and number of score tokens. */
  readonly a: string;
  /** The other side. */
  readonly b: string;
  /** Where: a backbone, or all that have both sides. */
  readonly backbone: string;
  /** The scores whose figures are compared: the holistic one, or the mean over the attributes. */
  readonly scores: "holistic" | "attributes";
  /** What the verdict is about. */
  readonly by: MainFigure;
  /** Figures of `a` less those of `b`. */
  readonly differences: Differences;
  /** Whether that figure of `a` is above that of `b`. */
  readonly verdict: Verdict;
  /** In a sentence. */
  readonly text: string;
}

/**
 * A claim of the paper as a question, answered from intervals of paired differences.
 *
 * @category Studies
 */
export interface Claim {
  /** In words. */
  readonly question: string;
  /** In a word or two. */
  readonly answer: Answer;
  /** The answer in a sentence. */
  readonly text: string;
  /** Those over all backbones are what the answer is made of. */
  readonly findings: readonly Finding[];
}

/** Over all backbones. */
const ALL = "all";

interface Side {
  readonly condition: string;
  readonly strategy: StrategyName;
  readonly scoreTokens: number;
}

/** A pair of sides and what they are compared by. */
interface Contest {
  readonly a: Side;
  readonly b: Side;
  readonly scores: Finding["scores"];
  /** Each gives a verdict; default: SRCC alone. */
  readonly by?: readonly MainFigure[];
}

/** The claims that the experiment's conditions can test; those without finished runs are "not known". */
export function claimsOf(config: ExperimentConfig, finished: Finished, options: CompareOptions): Claim[] {
  const { conditions, strategies, scoreTokens, ablation } = config;
  const names = Object.keys(conditions);
  const kind = (wanted: boolean, of: (condition: ConditionConfig) => boolean): string[] =>
    names.filter((name) => of(conditions[name] as (typeof conditions)[string]) === wanted);
  const [alone, together] = [kind(false, isOfSets), kind(true, isOfSets)];
  const plain = kind(false, isCommented).filter((name) => kind(false, hasAttributes).includes(name) && alone.includes(name)); // prettier-ignore
  const commented = kind(true, isCommented).filter((name) => kind(false, hasAttributes).includes(name));
  const judge = (question: string, contests: readonly Contest[]): Claim =>
    claimOf(question, contests.flatMap((contest) => findingsOf(contest, finished, options))); // prettier-ignore
  const contestOf = (conditionA: string, a: StrategyName, conditionB: string, b: StrategyName): Contest => ({
    a: { condition: conditionA, strategy: a, scoreTokens },
    b: { condition: conditionB, strategy: b, scoreTokens },
    scores: "holistic",
  });
  const rated = kind(true, hasAttributes);
  // Of single scores: the best of a set is asked for, too.
  const withBest = (contest: Contest): Contest => (config.studio.sets ? { ...contest, by: ["srcc", "best"] } : contest);
  const regression = [...plain, ...rated].flatMap((condition) =>
    (["roc", "coupled"] as const).flatMap((a) =>
      (["level", "direct"] as const).map((b): Contest => {
        const contest = contestOf(condition, a, condition, b);
        return rated.includes(condition) ? { ...contest, scores: "attributes" } : withBest(contest);
      }),
    ),
  );
  const decoupling = alone.flatMap((condition) => {
    const contest = contestOf(condition, "roc", condition, "coupled");
    if (rated.includes(condition)) return [contest, { ...contest, scores: "attributes" as const }];
    return [plain.includes(condition) ? withBest(contest) : contest];
  });
  const disturbance = plain.flatMap((scored) =>
    commented.flatMap((both) => strategies.map((strategy) => contestOf(scored, strategy, both, strategy))),
  );
  const ofSets = together.flatMap((condition) =>
    plain.map((scored) => withBest(contestOf(condition, "set", scored, "roc"))),
  );
  const numbers = (ablation?.scoreTokens ?? []).flatMap((n) => {
    const { condition = "" } = ablation ?? {};
    const contest = contestOf(condition, "roc", condition, "roc");
    return n === scoreTokens ? [] : [{ ...contest, a: { ...contest.a, scoreTokens: n } }];
  });
  return [
    judge("Does regression (roc, coupled) beat classification (level, direct)?", regression),
    judge("Does decoupling (roc) beat coupling (coupled)?", decoupling),
    judge("Do comments disturb the scores (score alone against score and comment)?", disturbance),
    ...(together.length > 0
      ? [judge("Does showing a set together (set) beat showing its pictures one by one (roc)?", ofSets)]
      : []),
    ...(ablation ? [judge(`Is another number of score tokens better than ${scoreTokens}?`, numbers)] : []),
  ];
}

/** Whether a condition's pictures are shown in sets. */
function isOfSets({ strategies = [] }: ConditionConfig): boolean {
  return strategies.includes("set");
}

/** Of each figure on every backbone, then on all together. None where a side has no finished runs. */
function findingsOf(contest: Contest, { arms, truth }: Finished, options: CompareOptions): Finding[] {
  const backbones = [...new Set(arms.map(({ backbone }) => backbone))];
  const pairs = backbones.flatMap((backbone) => {
    const runs = (side: Side): readonly RunPredictions[] =>
      predictionsOf(arms.find((arm) => isOf(arm, side, backbone)));
    const both = inBoth(runs(contest.a), runs(contest.b));
    return both.a.length > 0 ? [{ backbone, ...both }] : [];
  });
  const whole = { backbone: ALL, a: pairs.flatMap(({ a }) => a), b: pairs.flatMap(({ b }) => b) };
  const all = pairs.length > 1 ? [...pairs, whole] : pairs.map((pair) => ({ ...pair, backbone: ALL }));
  const { scores, by = ["srcc"] } = contest;
  const measured = all.map(({ backbone, a, b }) => {
    const names = scores === "holistic" ? [SCORE] : attributeNames(a, truth);
    return { backbone, found: differences(a, b, truth, names, options) };
  });
  return by.flatMap((figure) => measured.map((one) => findingOf(contest, one, figure)));
}

function isOf(arm: FinishedArm, { condition, strategy, scoreTokens }: Side, backbone: string): boolean {
  const same = arm.backbone === backbone && arm.condition === condition;
  return same && arm.strategy === strategy && arm.scoreTokens === scoreTokens;
}

function predictionsOf(arm: FinishedArm | undefined): readonly RunPredictions[] {
  return arm?.runs.map(({ predictions }) => predictions) ?? [];
}

/** The runs that have a partner. */
function inBoth(
  a: readonly RunPredictions[],
  b: readonly RunPredictions[],
): { a: RunPredictions[]; b: RunPredictions[] } {
  const has = (runs: readonly RunPredictions[], { key }: RunPredictions): boolean =>
    runs.some((run) => run.key === key);
  return { a: a.filter((run) => has(b, run)), b: b.filter((run) => has(a, run)) };
}

function findingOf(
  { a, b, scores }: Contest,
  { backbone, found }: { readonly backbone: string; readonly found: Differences },
  by: MainFigure,
): Finding {
  const [nameA, nameB] = namesOf(a, b);
  const where = backbone === ALL ? "all backbones" : backbone;
  const text = `${nameA} against ${nameB}, ${scores}, ${where}: ${differenceText(found, by)}`;
  return { a: nameA, b: nameB, backbone, scores, by, differences: found, verdict: verdictOf(found[by]), text };
}

function namesOf(a: Side, b: Side): [string, string] {
  const n = ({ scoreTokens }: Side): string => (a.scoreTokens === b.scoreTokens ? "" : `, N = ${scoreTokens}`);
  const text = (side: Side): string => `${side.strategy}${n(side)} (${side.condition})`;
  return [text(a), text(b)];
}

/** The attributes that runs were asked for and every picture has. */
export function attributeNames(runs: readonly RunPredictions[], truth: Truth): string[] {
  return Object.keys(runs[0]?.scores ?? {}).filter((name) => name !== SCORE && truth[name] !== undefined);
}

/** A side is higher or lower where the whole 95% interval of the difference is on one side of 0. */
export function verdictOf(main: Pick<Difference, "low" | "high"> | null): Verdict {
  if (!main) return "not known";
  const { low, high } = main;
  return low > 0 ? "higher" : high < 0 ? "lower" : "not told apart";
}

function differenceText(found: Differences, by: MainFigure): string {
  const main = found[by];
  if (!main) return `${MAIN[by]}: could not be computed.`;
  const { value, low, high, p, runs } = main;
  const same = Object.values(runs).filter((one) => Math.sign(one) === Math.sign(value)).length;
  const interval = `${MAIN[by]} ${signed(value)} (${signed(low)} to ${signed(high)}; p = ${p.toPrecision(2)})`;
  return `${interval}, ${same} of ${Object.keys(runs).length} runs with that sign: ${verdictOf(main)}.`;
}

export function signed(value: number, digits = 4): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

/** What the verdicts over all backbones come to, where "higher" is what the question asks for. */
export function answerOf(verdicts: readonly Verdict[]): Answer {
  const count = (wanted: Verdict): number => verdicts.filter((verdict) => verdict === wanted).length;
  const [higher, lower, known] = [count("higher"), count("lower"), verdicts.length - count("not known")];
  if (known === 0) return "not known";
  if (higher > 0 && lower > 0) return "mixed";
  if (higher === 0 && lower === 0) return "not shown";
  if (lower > 0) return "no, the other way round";
  return higher === known ? "yes" : "in part";
}

function claimOf(question: string, findings: readonly Finding[]): Claim {
  const whole = findings.filter(({ backbone }) => backbone === ALL);
  const answer = answerOf(whole.map(({ verdict }) => verdict));
  const list = (verdict: Verdict, by: MainFigure): string =>
    whole.filter((finding) => finding.verdict === verdict && finding.by === by).map(pairText).join("; "); // prettier-ignore
  const parts = (Object.keys(MAIN) as MainFigure[]).flatMap((by) =>
    (["higher", "lower", "not told apart", "not known"] as const).flatMap((verdict) => {
      const text = list(verdict, by);
      return text === "" ? [] : [`${MAIN[by]} ${verdict}: ${text}`];
    }),
  );
  const summary = parts.length === 0 ? "No finished runs to compare" : parts.join(". ");
  return { question, answer, text: `${answer[0]?.toUpperCase()}${answer.slice(1)}. ${summary}.`, findings };
}

function pairText({ a, b, scores, by: main, differences: found }: Finding): string {
  const value = found[main]?.value;
  const by = value === undefined ? "" : ` (${signed(value)})`;
  return `${a} against ${b}${scores === "attributes" ? " on the attributes" : ""}${by}`;
}
