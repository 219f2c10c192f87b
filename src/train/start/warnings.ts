/** What a person should know before hours go into a run, and labels that no answer can be written with. */
import {
  checkDataset,
  findingText,
  PROBLEMS,
  type LoadedDataset,
  type Sample,
  type ScoreScale,
} from "../../data/index.js";
import { SCORE, type Output } from "../../baselines/types.js";
import { RocError } from "../../errors.js";
import { openCheckpointFolder, type CheckpointLike } from "../../models/places.js";
import type { StrategyName } from "../../roc/strategy-names.js";
import { hasComment, isScoreName, scoreName, scoreNames, type RocTemplates } from "../../roc/template.js";
import { PAIR_LOSSES, usesStds, weighed, type LossWeights } from "../../roc/weights.js";
import type { TrainOptions } from "../options.js";

/**
 * Called with a sentence.
 *
 * @category Training
 */
export type OnWarning = (text: string) => void;

/** Reports what is wrong with a data set's labels and files before hours go into them. Images are not opened for it. */
export async function datasetWarnings(
  dataset: LoadedDataset,
  /** Its folder, where that is known. */
  folder: string | undefined,
  onWarning: OnWarning,
): Promise<void> {
  const { problems, notes } = await checkDataset(dataset, { limit: 0 });
  for (const note of notes) onWarning(note);
  for (const [i, { kind, findings }] of problems.entries()) {
    const what = kind === "missing-image" ? `${PROBLEMS[kind]}, left out` : PROBLEMS[kind];
    const [first] = findings;
    const all = i === problems.length - 1 && folder !== undefined;
    const remedy = all ? `\nFor all: roc4mllm data check ${folder}` : "";
    onWarning(`${what}: ${findings.length}${first ? `, as ${findingText(first)}` : ""}${remedy}`);
  }
}

/** Reports where scores are given on another scale than the data's, by choice. */
export function scaleWarnings(chosen: ScoreScale | undefined, data: ScoreScale): string[] {
  return chosen ? scaleNotes(chosen, data, "as --scale or the configuration has it") : [];
}

function scaleNotes(own: ScoreScale, data: ScoreScale, why: string): string[] {
  if (own.min === data.min && own.max === data.max) return [];
  return [
    `scores will come out on ${own.min} to ${own.max}, ${why}; ` +
      `the ratings of ${data.min} to ${data.max} are brought to it.`,
  ];
}

/** What decides how labels become answers. */
interface Teaching {
  readonly templates: RocTemplates | undefined;
  readonly strategy: StrategyName;
  readonly weights: LossWeights;
  /** The checkpoint, or its folder, if it is there. */
  readonly base: CheckpointLike | undefined;
}

/**
 * Checks that answers fit the run's pictures, and reports which of their labels nothing is trained on.
 * @throws RocError DATA_INVALID; CONFIG_INVALID or FILE_UNREADABLE for the checkpoint's templates
 */
export async function checkLabels(
  { templates, strategy, weights, base }: Teaching,
  { train }: { readonly train: readonly Sample[] },
  onWarning: OnWarning,
): Promise<void> {
  const { DEFAULT_TEMPLATES, loadTemplates, SET_TEMPLATES, usesScoreTokens } = await import("../../roc/index.js");
  const own = async (): Promise<RocTemplates | undefined> =>
    base === undefined ? undefined : loadTemplates((await openCheckpointFolder(base)).home);
  const found = templates ?? (await own());
  const texts =
    strategy === "set" && found?.strategy !== "set" && !templates ? SET_TEMPLATES : (found ?? DEFAULT_TEMPLATES);
  checkAnswers(train, texts);
  if (usesStds(weights)) train.forEach(checkDeviations);
  if (weighsVotes(weights, usesScoreTokens(strategy))) train.forEach(checkVotes);
  const how = { templates: texts, weights, scoreTokens: usesScoreTokens(strategy) };
  for (const text of untrainedLabels(train, how)) onWarning(text);
}

/** What decides which labels are trained. */
export interface TrainedBy {
  readonly templates: Pick<RocTemplates, "answers">;
  readonly weights: LossWeights;
  /** Whether the strategy has score tokens, whose logits votes can be compared with. */
  readonly scoreTokens: boolean;
}

/**
 * Labels that the samples have and that nothing is trained on, each with what to do about it.
 *
 * @returns sentences; none where everything is trained
 */
export function untrainedLabels(
  samples: readonly Sample[],
  { templates: { answers }, weights, scoreTokens }: TrainedBy,
): string[] {
  const named = new Set(answers.flatMap(scoreNames));
  const counts = new Map<string, number>();
  for (const { attributes = {} } of samples) {
    for (const name of Object.keys(attributes)) if (!named.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const commented = answers.some(hasComment) ? 0 : samples.filter(({ comments }) => comments !== undefined).length;
  const voted = weighsVotes(weights, scoreTokens) ? 0 : samples.filter(({ votes }) => votes !== undefined).length;
  return [...attributeNotes(counts), ...commentNotes(commented), ...voteNotes(voted, scoreTokens)];
}

const HOW = `in --templates FILE, or in "templates" of the configuration`;

function attributeNotes(counts: ReadonlyMap<string, number>): string[] {
  if (counts.size === 0) return [];
  const list = [...counts].map(([name, count]) => `${name} (${count} pictures)`).join(", ");
  const names = [...counts.keys()];
  const example = names.filter(isScoreName).map((name) => `{${name}}`).join(", "); // prettier-ignore
  const odd = names.filter((name) => !isScoreName(name));
  const add = example === "" ? "" : ` To train them, write an answer that holds ${example} ${HOW}.`;
  const rename =
    odd.length === 0
      ? ""
      : ` ${odd.map((name) => JSON.stringify(name)).join(", ")} cannot be used in a template: name such columns by letters, digits and _.`;
  return [`labels that are not trained, since no answer template names them: ${list}.${add}${rename}`];
}

function commentNotes(count: number): string[] {
  if (count === 0) return [];
  return [`comments of ${count} pictures are not trained, since no answer template holds {comment}: add it ${HOW}.`];
}

function voteNotes(count: number, scoreTokens: boolean): string[] {
  if (count === 0) return [];
  const why = scoreTokens
    ? "the loss weighs neither cross-entropy nor EMD (see --loss, --ce and --emd, or loss in the configuration)"
    : "the strategy has no score tokens that they could be compared with";
  return [`votes of ${count} pictures are not trained beyond their mean: ${why}.`];
}

/**
 * Checks that every picture has what one of the answer templates needs, and no attribute the score's name.
 * @throws RocError DATA_INVALID naming what is missing or has the score's name
 */
export function checkAnswers(samples: readonly Sample[], { answers }: Pick<RocTemplates, "answers">): void {
  const score = scoreName({ answers });
  const isFirst = scoreNames(answers[0] ?? "")[0] === score;
  const replaced = samples.find(({ attributes }) => attributes && Object.hasOwn(attributes, score));
  if (replaced) {
    const what = isFirst ? `{${score}}, the first placeholder of the first answer,` : `{${score}}`;
    const otherwise = `Rename the placeholder in --templates or "templates", as {overall}, or rename`;
    throw new RocError(
      "DATA_INVALID",
      `${what} is the score, but ${replaced.id} has an attribute "${score}" too. ` +
        `${score === "overall" ? "Rename" : otherwise} the attribute.`,
    );
  }
  const needs = answers.map((answer) => ({ names: scoreNames(answer), commented: hasComment(answer) }));
  const lacking = (sample: Sample, { names, commented }: (typeof needs)[number]): string[] => [
    ...names.filter((name) => name !== score && sample.attributes?.[name] === undefined),
    ...(commented && !sample.comments?.length ? ["comment"] : []),
  ];
  const without = samples.filter((sample) => needs.every((need) => lacking(sample, need).length > 0));
  const [first] = without;
  if (!first) return;
  const missing = lacking(first, needs[0] as (typeof needs)[number])
    .map((name) => `{${name}}`)
    .join(", ");
  const known = [score, ...new Set(samples.flatMap(({ attributes = {} }) => Object.keys(attributes)))].join(", ");
  throw new RocError(
    "DATA_INVALID",
    `No answer template can be filled in for ${without.length} of ${samples.length} pictures: ${first.id} has no ` +
      `${missing}. The data set rates ${known}. Add an answer without it to --templates, or the labels to the data.`,
  );
}

/** With fewer pictures in the validation part, the choice of the best state is chance. */
const FEW_TO_VALIDATE = 50;
/** Passes over the data beyond which small sets are learnt by heart. */
const MANY_EPOCHS = 20;

/** The pictures of a run. */
interface Taught {
  readonly train: readonly Sample[];
  readonly validation: readonly Sample[];
  /** Of the strategy `set`: how many sets those to train on make. */
  readonly sets?: number | undefined;
}

/** What a person should know before hours go into a run. @returns sentences */
export function planNotes(
  { train, validation, sets }: Taught,
  { steps, batchSize, accumulation, patience, raters }: TrainOptions,
  ranks = 1,
): string[] {
  const units = sets ?? train.length;
  const epochs = (steps * batchSize * accumulation * ranks) / units;
  const few = validation.length > 0 && validation.length < FEW_TO_VALIDATE;
  return [
    ...(few
      ? [
          `only ${validation.length} pictures to validate with: which state is the best is decided by few; ` +
            "raise --validation, or trust the last state.",
        ]
      : []),
    ...(validation.length === 0
      ? [`no picture to validate with: the last state counts${patience ? ", and patience ends nothing" : ""}.`]
      : []),
    ...(epochs > MANY_EPOCHS && !raters
      ? [
          `${Math.round(epochs)} passes over ${units} ${sets === undefined ? "pictures" : "sets"}: so many are learnt by heart; ` +
            `${Math.max(1, Math.round((5 * units) / (batchSize * accumulation * ranks)))} steps would be 5 passes.`,
        ]
      : []),
  ];
}

/**
 * Labels that a classical system cannot use, each with what to do about it; those that it uses are checked.
 *
 * @returns sentences
 * @throws RocError DATA_INVALID naming a picture whose votes or deviations are none
 */
export function networkNotes(
  { train, scale }: { readonly train: readonly Sample[]; readonly scale: ScoreScale },
  outputs: readonly Output[],
): string[] {
  const { values, scale: own = scale } = outputs.find(({ name }) => name === SCORE) ?? {};
  train.forEach(checkVotes);
  if (values) train.forEach(checkDeviations);
  const known = new Set(outputs.map(({ name }) => name));
  const rated = new Set(train.flatMap(({ attributes = {} }) => Object.keys(attributes)));
  const other = [...rated].filter((name) => !known.has(name));
  const unrated = [...known].filter((name) => name !== SCORE && !rated.has(name));
  const count = (has: (sample: Sample) => boolean): number => train.filter(has).length;
  const [voted, commented] = [
    count(({ votes }) => votes !== undefined),
    count(({ comments }) => comments !== undefined),
  ];
  return [
    ...scaleNotes(own, scale, "as the system's output has it"),
    ...(other.length > 0
      ? [`attributes that are not trained, since the system predicts none such: ${other.join(", ")}.`]
      : []),
    ...(unrated.length > 0 ? [`attributes that the system predicts and nothing teaches: ${unrated.join(", ")}.`] : []),
    ...(voted > 0 && !values
      ? [`votes of ${voted} pictures are not trained beyond their mean: one number is predicted.`]
      : []),
    ...(commented > 0 ? [`comments of ${commented} pictures are not trained: the system has no language.`] : []),
  ];
}

/** @throws RocError DATA_INVALID naming the picture whose ratings have no possible deviation */
function checkDeviations({ image, std, attributeStds = {} }: Sample): void {
  const wrong = Object.entries({ std: std ?? 0, ...attributeStds }).find(
    ([, value]) => !(value >= 0 && value < Infinity),
  );
  if (!wrong) return;
  const text = `${image}: its ratings' deviation ${wrong[0]} is ${wrong[1]}`;
  throw new RocError(
    "DATA_INVALID",
    `${text}; give a number from 0, or leave it out (roc4mllm data check names them all).`,
  );
}

/** Whether losses look at votes: at their shares, or at the deviation that is known by them. */
function weighsVotes(weights: LossWeights, scoreTokens: boolean): boolean {
  return (scoreTokens && (weights.ce > 0 || weights.emd > 0)) || usesStds(weights);
}

/** @throws RocError DATA_INVALID naming the picture whose votes are no histogram */
function checkVotes({ image, votes }: Sample): void {
  if (votes === undefined) return;
  const isCount = (count: number): boolean => count >= 0 && count < Infinity;
  if (votes.length >= 2 && votes.every(isCount) && votes.some((count) => count > 0)) return;
  const text = `${image}: its votes [${votes.join(", ")}] are no histogram`;
  const remedy = "give 2 or more counts from 0, some above 0, or leave them out (roc4mllm data check names them all)";
  throw new RocError("DATA_INVALID", `${text}; ${remedy}.`);
}

/** What of the weighed losses does less than it says. @param sets of {@link Taught} @returns sentences */
export function lossNotes(
  train: readonly Sample[],
  weights: LossWeights,
  { batchSize, accumulation }: Pick<TrainOptions, "batchSize" | "accumulation">,
  sets?: number,
): string[] {
  const compared = weighed(weights, PAIR_LOSSES);
  const pairs = compared.join(" and ");
  const [compare, they] = compared.length > 1 ? ["compare", "they never act"] : ["compares", "it never acts"];
  const unknown = usesStds(weights)
    ? train.filter(({ std, votes }) => std === undefined && votes === undefined).length
    : 0;
  const names = weighed(weights, ["soft", "thurstone"]).join(" and ");
  const micro = accumulation > 1 ? ", and forwards that are accumulated do not see each other" : "";
  return [
    // A set has pairs of its own.
    ...(pairs !== "" && batchSize === 1 && sets === undefined
      ? [
          `${pairs} ${compare} the pictures of a batch, and batchSize is 1${micro}: ${they}. ` +
            "Raise batchSize (--batch), or leave it out.",
        ]
      : []),
    ...(unknown > 0
      ? [
          `the ratings of ${unknown} of ${train.length} pictures have no deviation (std, or votes): ` +
            `to ${names} they are certain.`,
        ]
      : []),
  ];
}
