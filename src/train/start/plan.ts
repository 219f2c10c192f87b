/** What a configuration comes to, before anything is computed: data, steps, tokens, parameters, memory. */
import { namesOf } from "../../models/families.js";
import { SCORE, type Output } from "../../baselines/types.js";
import type { ScoreScale } from "../../data/index.js";
import { attachLora } from "../../models/lora.js";
import { fillComment, fillSlots, hasComment, scoreName, scoreNames, setAnswer, setPrompt } from "../../roc/index.js";
import type { StrategyParts } from "../../roc/index.js";
import { decodeImage, type RgbImage } from "../../image/index.js";
import { DTYPES, scope, type DType } from "../../torch/index.js";
import { isBaseline, type Learner } from "../learner.js";
import { stepsOfTask } from "../data/raters.js";
import { MOST_IN_SET, othersOf, setsOf } from "../data/sets.js";
import { firstPiece, trainedParameters } from "../optim/groups.js";
import { ruleOf } from "../optim/rules.js";
import type { TrainOptions } from "../options.js";
import type { RunData } from "./data.js";
import type { Trainable } from "./start.js";

/**
 * What a run comes to without its model; null where it depends on pictures that are not counted.
 *
 * @category Training
 */
export interface TrainingSteps {
  /** Pictures to train on; of a run over raters: ratings. */
  readonly train: number | null;
  /** Pictures to validate with. */
  readonly validation: number | null;
  /** Optimizer steps. */
  readonly steps: number | null;
  /** Passes over the training part. */
  readonly epochs: number | null;
  /** Pictures, of the strategy `set` sets, per optimizer step, of one process. */
  readonly samplesPerStep: number;
  /** Of the strategy `set`: the sets that the pictures to train on make, which batches and epochs count. */
  readonly sets?: number;
  /** Of a run over raters: how many there are. */
  readonly raters?: number;
  /** How scores are written, taught and read; of a classical system its name. */
  readonly strategy: string;
  /** Weights of the losses that act, the text loss among them; none of a classical system, which has its own loss. */
  readonly loss: Readonly<Record<string, number>>;
  /** Of a classical system: what it predicts, and by which ratings that is taught. */
  readonly outputs?: readonly PlannedOutput[];
}

/**
 * What a classical system predicts.
 *
 * @category Training
 */
export interface PlannedOutput {
  /** "score", or an attribute's name. */
  readonly name: string;
  /** Of the scores that it gives. */
  readonly scale: ScoreScale;
  /** The scores that it gives a distribution over; absent: one number. */
  readonly values?: readonly number[];
  /** Numbers of training pictures. */
  readonly pictures: {
    /** Those whose votes teach it. */
    readonly votes: number;
    /** Those whose rating teaches it, with its deviation where a distribution is predicted. */
    readonly rating: number;
    /** Those without such a rating. */
    readonly none: number;
  };
}

/**
 * Weights of a part of a model.
 *
 * @category Training
 */
export interface PartSize {
  /** Those that are trained. */
  readonly trained: number;
  /** All. */
  readonly all: number;
}

/**
 * What a run's model comes to.
 *
 * @category Training
 */
export interface ModelPlan {
  /** Of the longest answer template with a picture of the training part; of sets with the pictures of the largest. */
  readonly tokensPerSample: number;
  /** Of these, those that the text loss is taken at. */
  readonly supervisedTokensPerSample: number;
  /** Of all steps, of sets at most; null where their number is. */
  readonly tokens: number | null;
  /** Numbers of parameters, in total and by part ("vision", "projector", "language", "vocabulary", "adapters"). */
  readonly parameters: {
    /** Weights that are trained. */
    readonly trained: number;
    /** Weights that stay as they are, those of a part of the network that nothing trains among them. */
    readonly frozen: number;
    /** By part of the model; of a classical system by the first piece of the parameters' names. */
    readonly byPart: Readonly<Record<string, PartSize>>;
  };
  /** Bytes, without activations. */
  readonly memory: {
    /** Of all parameters. */
    readonly weights: number;
    /** Of the trained ones. */
    readonly gradients: number;
    /** Of the optimizer's states (AdamW's two moments) and a prior over raters, in float32. */
    readonly optimizer: number;
    /** Of the float32 copies of 16-bit weights. */
    readonly masters: number;
    /** All of these. */
    readonly total: number;
  };
}

/**
 * What a run comes to; without the model's part where its checkpoint is not here.
 *
 * @category Training
 */
export type TrainingPlan = TrainingSteps & Partial<ModelPlan>;

/** What a classical system predicts of a run's training pictures. */
export function plannedOutputs(outputs: readonly Output[], { train }: Pick<RunData, "train">): PlannedOutput[] {
  return outputs.map(({ name, scale, values }) => {
    const isScore = name === SCORE;
    const rated = isScore ? train : train.filter(({ attributes }) => attributes && Object.hasOwn(attributes, name));
    const votes = isScore && values ? train.filter((sample) => sample.votes !== undefined).length : 0;
    const pictures = { votes, rating: rated.length - votes, none: train.length - rated.length };
    return { name, scale, ...(values && { values }), pictures };
  });
}

/** Pictures (of raters: ratings) to train on and pictures to validate with. */
export interface PlanCounts {
  readonly train: number;
  readonly validation: number;
  /** Of a run over raters. */
  readonly raters?: number;
  /** Of the strategy `set`. */
  readonly sets?: number;
}

export function describeSteps(
  { raters, sets, ...counts }: PlanCounts,
  { batchSize, accumulation, steps, raters: tasks }: TrainOptions,
  how: Pick<TrainingSteps, "strategy" | "loss">,
): TrainingSteps {
  const samplesPerStep = batchSize * accumulation;
  const perEpoch = tasks ? stepsOfTask(tasks) * (raters ?? NaN) : (sets ?? counts.train) / samplesPerStep;
  const units = { ...(raters !== undefined && { raters }), ...(sets !== undefined && { sets }) };
  return { ...counts, steps, epochs: steps / perEpoch, samplesPerStep, ...units, ...how };
}

/** Stands in for the first picture where that is not there. */
const BLANK: RgbImage = { width: 640, height: 480, data: new Uint8Array(640 * 480 * 3) };

/**
 * Describes a run of what `startFrom` gave; opens the first training picture.
 *
 * @param steps the run's
 * @param rated what `steps` counted, with its pictures or without
 */
export async function describePlan(
  { parts }: Trainable,
  data: RunData,
  options: TrainOptions,
  steps: TrainingSteps,
  rated: RunData,
): Promise<TrainingSteps & ModelPlan> {
  const first = data.train[0]?.image;
  const picture = first === undefined ? BLANK : await decodeImage(first);
  const { processor, templates } = parts;
  const shown = steps.sets === undefined ? 1 : largestOf(rated);
  const name = scoreName(templates);
  const promptTokens = scope(() => {
    const images = processor.images(new Array<RgbImage>(shown).fill(picture));
    return Math.max(...templates.prompts.map((prompt) => processor.prompt(setPrompt(prompt, shown), images).length));
  });
  const answers = shown === 1 ? templates.answers : templates.answers.map((answer) => setAnswer(answer, name, shown));
  const answer = Math.max(...answers.map((template) => answerTokens(parts, data, template)));
  const tokensPerSample = promptTokens + answer;
  return {
    ...steps,
    tokensPerSample,
    supervisedTokensPerSample: answer,
    tokens: steps.steps === null ? null : tokensPerSample * steps.samplesPerStep * steps.steps,
    ...sizesOf(parts.model, options),
  };
}

/** The pictures of the largest set, as far as a prompt shows them. */
function largestOf({ train }: RunData): number {
  return setsOf(train).reduce((most, set) => Math.max(most, Math.min(MOST_IN_SET, 1 + othersOf(set).length)), 1);
}

/** Tokens of an answer to the first sample that has what it needs, with the end token. */
function answerTokens({ processor, strategy }: StrategyParts, data: RunData, template: string): number {
  const names = scoreNames(template);
  const { min, max } = strategy.scale;
  const written = names.map(() => strategy.write((min + max) / 2));
  const comment = data.train.find(({ comments }) => comments)?.comments?.[0] ?? "";
  const text = fillSlots(hasComment(template) ? fillComment(template, comment) : template, written);
  return processor.answer(text).length + 1;
}

/** Numbers of parameters, and bytes: an outline of the model is enough. */
export function sizesOf(model: Learner, options: TrainOptions): Pick<ModelPlan, "parameters" | "memory"> {
  const { lora } = options;
  using adapters = lora && !isBaseline(model) ? attachLora(model, lora, options.seed) : undefined;
  const trained = new Map<string, number>();
  for (const { name, parameter, rows } of trainedParameters(model, options, adapters)) {
    const count = rows ? (parameter.numel / parameter.size(0)) * (rows[1] - rows[0]) : parameter.numel;
    const key = name.replace(/\[.*$/, "");
    trained.set(key, (trained.get(key) ?? 0) + count);
  }
  const fixed = isBaseline(model) ? (model.fixed?.() ?? []) : [];
  const all = new Map(
    [...model.parameters(), ...fixed, ...(adapters?.parameters() ?? [])].map(([name, { numel }]) => [name, numel]),
  );
  const byPart: Record<string, { trained: number; all: number }> = {};
  for (const [name, count] of all) {
    const part = (byPart[partOf(model, name)] ??= { trained: 0, all: 0 });
    part.all += count;
    part.trained += trained.get(name) ?? 0;
  }
  const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
  const [total, moving] = [sum(all.values()), sum(trained.values())];
  const dtype: DType = options.weights ?? "float32";
  const { bytes } = DTYPES[dtype];
  // Over raters: the prior, and where tasks start.
  const states = ruleOf(options).states.length + (options.raters ? 2 : 0);
  const masters = dtype === "float32" ? 0 : 4 * moving;
  const memory = { weights: bytes * total, gradients: bytes * moving, optimizer: 4 * states * moving, masters };
  return {
    parameters: { trained: moving, frozen: total - moving, byPart },
    memory: { ...memory, total: sum(Object.values(memory)) },
  };
}

/** The part of a model that a parameter belongs to, as people speak of it. */
function partOf(model: Learner, name: string): string {
  if (isBaseline(model)) return firstPiece(name);
  if (/lora_[AB]/.test(name)) return "adapters";
  const names = namesOf(model);
  return names.isVocabulary(name) ? "vocabulary" : names.partOf(name);
}
