/** Which parameters a run trains, and each of them how. */
import { RocError } from "../../errors.js";
import { namesOf } from "../../models/families.js";
import { chooseMaps, linearMaps, type LoraAdapters } from "../../models/lora.js";
import { MODEL_PARTS, type Mllm } from "../../models/types.js";
import { vocabularyFromConfig } from "../../roc/index.js";
import type { Tensor } from "../../torch/index.js";
import type { ParameterGroup, Rows } from "./optimizer.js";
import { isBaseline, type Learner } from "../learner.js";
import type { GroupRule, TrainOptions } from "../options.js";

/** A parameter, or some of its rows. */
export interface Trained {
  /** That of the parameter in the public layout; rows behind it in brackets. */
  readonly name: string;
  readonly part: string;
  readonly parameter: Tensor;
  readonly rows?: Rows;
}

type Matches = (one: Named) => boolean;
type Choice = Pick<TrainOptions, "freeze" | "vocabulary" | "lora">;

/**
 * What is trained, in the order of the model's parameters, adapters last.
 *
 * @param adapters with `options.lora`: those on the model
 * @throws RocError USAGE where a pattern is no regular expression or fits no name, or nothing is left to train
 */
export function trainedParameters(model: Learner, options: Choice, adapters?: LoraAdapters): Trained[] {
  if (isBaseline(model)) return trainedOfNetwork(model.parameters(), options);
  const weights = new Map([...model.parameters(), ...(adapters?.parameters() ?? [])]);
  return choose(model, options, adapters && [...adapters.parameters().keys()]).map(({ whole, ...chosen }) => ({
    ...chosen,
    parameter: weights.get(whole) as Tensor,
  }));
}

/** Of a network without language: its parts are the first pieces of its parameters' names. */
function trainedOfNetwork(parameters: ReadonlyMap<string, Tensor>, { freeze = [] }: Choice): Trained[] {
  const all = [...parameters].map(([name, parameter]) => ({ name, parameter, part: firstPiece(name) }));
  const frozen = anyOf(freeze, all, "freeze");
  return someOf(all.filter((one) => !frozen(one)));
}

/** "features" of "features.0.weight". */
export function firstPiece(name: string): string {
  return name.split(".")[0] ?? "";
}

function someOf<T>(trained: T[]): T[] {
  if (trained.length > 0) return trained;
  throw new RocError("USAGE", "Nothing is left to train: everything is frozen.");
}

/**
 * Checks what a run names of a model's parameters, which needs no weights: an outline of the model is enough.
 *
 * @param addsTokens whether the run gives the model the score tokens that it lacks
 * @throws RocError USAGE as {@link trainedParameters}, `parameterGroups` and `attachLora` throw, before gigabytes are read
 */
export function checkPatterns(model: Mllm, options: Choice & Pick<TrainOptions, "groups">, addsTokens: boolean): void {
  const { lora, groups = [] } = options;
  const maps = lora && [...chooseMaps(model, lora.targets).keys()];
  const adapters = maps?.flatMap((map) => [`${map}.lora_A.weight`, `${map}.lora_B.weight`]);
  const added: Rows = [model.vocabSize, model.vocabSize + 1];
  const trained = choose(model, options, adapters, addsTokens ? added : undefined);
  // Rows have no numbers yet: a pattern of them is looked at when they have.
  for (const { pattern } of groups) if (!pattern.includes("\\[")) anyOf([pattern], trained, "groups");
}

/** A parameter, or some of its rows, by name. */
interface Named {
  readonly name: string;
  readonly part: string;
}

interface Chosen extends Named {
  /** That of the whole parameter. */
  readonly whole: string;
  readonly rows?: Rows;
}

/**
 * What is trained, by name.
 *
 * @param adapters names of the adapters' parameters, where there are adapters
 * @param added rows of the score tokens, where the model will have them
 */
function choose(model: Mllm, options: Choice, adapters?: readonly string[], added?: Rows): Chosen[] {
  const { partOf, isVocabulary } = namesOf(model);
  const named = (name: string, whole = name, rows?: Rows): Chosen => ({
    ...{ name, whole, part: partOf(whole) },
    ...(rows && { rows }),
  });
  for (const map of linearMaps(model).values()) map.requirePlain("Training cannot pass gradients through");
  const own = [...model.parameters().keys()];
  const all = [...own, ...(adapters ?? [])].map((name) => named(name));
  const frozen = anyOf(options.freeze ?? [], all, "freeze");
  const also = adapters && anyOf(options.lora?.alsoTrain ?? [], all, "alsoTrain");
  const chosen = own.flatMap((name): Chosen[] => {
    if (isVocabulary(name)) {
      return vocabularyRows(model, options, adapters !== undefined, added).map((rows) =>
        rows === "all" ? named(name) : named(`${name}[${rows.join(":")}]`, name, rows),
      );
    }
    return also && !also(named(name)) ? [] : [named(name)];
  });
  return someOf([...chosen, ...(adapters ?? []).map((name) => named(name))].filter((one) => !frozen(one)));
}

/** The trained rows of a matrix of the vocabulary; "all" of them, none, or one range after another. */
function vocabularyRows(
  { config }: Mllm,
  { vocabulary }: Choice,
  hasAdapters: boolean,
  added: Rows | undefined,
): (Rows | "all")[] {
  const part = vocabulary ?? (hasAdapters ? "new" : "all");
  if (part !== "new") return part === "all" ? ["all"] : [];
  const score = vocabularyFromConfig(config);
  if (!score && added) return [added];
  if (score) return ranges([score.positionId, ...score.scoreIds]);
  if (vocabulary === undefined) return [];
  const remedy = 'Take "all" or "none".';
  throw new RocError("USAGE", `Only new rows are to be trained, but the strategy adds no tokens. ${remedy}`);
}

/** Ids as ranges of consecutive ones, `[first, end)`. */
function ranges(ids: readonly number[]): Rows[] {
  const found: [number, number][] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last?.[1] === id) last[1] = id + 1;
    else found.push([id, id + 1]);
  }
  return found;
}

/**
 * Sets of parameters that the optimizer treats alike.
 * @throws RocError USAGE where a rule's pattern fits no name, or a rate cannot be reached from a rate of 0
 */
export function parameterGroups(
  trained: readonly Trained[],
  options: Pick<TrainOptions, "learningRate" | "weightDecay" | "groups" | "decayVectors">,
): ParameterGroup[] {
  const { learningRate, weightDecay, groups = [], decayVectors = false } = options;
  const rules = groups.map((rule) => ({ ...rule, matches: anyOf([rule.pattern], trained, "groups") }));
  const found = new Map<string, ParameterGroup & { readonly parameters: Map<string, Tensor> }>();
  for (const one of trained) {
    const { name, parameter, rows } = one;
    const rule = rules.find(({ matches }) => matches(one));
    const decays = parameter.ndim >= 2 || decayVectors;
    const decay = rule?.weightDecay ?? (decays ? weightDecay : 0);
    const rateScale = rule === undefined ? 1 : scaleOf(rule, learningRate);
    const key = [rateScale, decay, rows?.join(":")].join();
    const group = found.get(key) ?? { parameters: new Map(), weightDecay: decay, rateScale, ...(rows && { rows }) };
    group.parameters.set(name, parameter);
    found.set(key, group);
  }
  return [...found.values()];
}

function scaleOf({ learningRate, pattern }: GroupRule, base: number): number {
  if (learningRate === undefined || learningRate === base) return 1;
  if (base > 0) return learningRate / base;
  throw new RocError("USAGE", `groups: "${pattern}" has a learning rate; give the run one above 0, too.`);
}

/** The keys of a configuration and the options of the command that give patterns. */
const KEYS = {
  freeze: "freeze (train.freeze, --freeze)",
  alsoTrain: "alsoTrain (train.lora.alsoTrain, --lora-also-train)",
  groups: "groups (train.groups, --rate)",
} as const;

/** Whether one of some patterns fits a parameter; each must fit some of `all`. */
function anyOf(patterns: readonly string[], all: readonly Named[], option: keyof typeof KEYS): Matches {
  const tests = patterns.map((pattern): Matches => {
    const isPart = partsOf(all).includes(pattern);
    const matches: Matches = isPart ? ({ part }) => part === pattern : searched(pattern, option);
    if (all.some(matches)) return matches;
    const text = `${KEYS[option]}: no parameter of this run is called "${pattern}"`;
    throw new RocError("USAGE", `${text}. There are ${all.length}, such as ${examples(all)}.`);
  });
  return (one) => tests.some((matches) => matches(one));
}

/** The names of parts: of a language model always all, of a network those that it has. */
function partsOf(all: readonly Named[]): string[] {
  return [...new Set([...MODEL_PARTS, ...all.map(({ part }) => part)])];
}

/** The first and the last name of each part. */
function examples(all: readonly Named[]): string {
  const names = partsOf(all).flatMap((part) => {
    const own = all.filter((one) => one.part === part);
    return [own[0], own.at(-1)].flatMap((one) => one?.name ?? []);
  });
  return [...new Set(names)].join(", ");
}

function searched(pattern: string, option: keyof typeof KEYS): Matches {
  try {
    const expression = new RegExp(pattern, "u");
    return ({ name }) => expression.test(name);
  } catch (cause) {
    throw new RocError("USAGE", `${KEYS[option]}: "${pattern}" is no regular expression.`, { cause });
  }
}
