/** Which parameters a run trains, and each of them how. */
import { RocError } from "../../errors.js";
import type { LoraAdapters } from "../../models/lora.js";
import type { Mllm } from "../../models/types.js";
import { vocabularyFromConfig } from "../../roc/index.js";
import type { Tensor } from "../../torch/index.js";
import type { ParameterGroup, Rows } from "./adamw.js";
import type { GroupRule, TrainOptions } from "../options.js";

/** A parameter, or some of its rows. */
export interface Trained {
  /** That of the parameter in the public layout; rows behind it in brackets. */
  readonly name: string;
  readonly parameter: Tensor;
  readonly rows?: Rows;
}

type Matches = (name: string) => boolean;
type Choice = Pick<TrainOptions, "freeze" | "vocabulary" | "lora">;

/** Where the families keep their parts: llava (in transformers' and in the original code's files), mplug_owl2, qwen2_vl. */
const VISION = /^((model\.)?vision_tower|model\.vision_model|visual\.(?!merger\.))/;
const PROJECTOR = /^(multi_modal_projector|model\.mm_projector|model\.visual_abstractor|visual\.merger)\./;
const PARTS: ReadonlyMap<string, Matches> = new Map([
  ["vision", (name) => VISION.test(name)],
  ["projector", (name) => PROJECTOR.test(name)],
  ["language", (name) => !VISION.test(name) && !PROJECTOR.test(name)],
]);

const VOCABULARY = /(^|\.)(embed_tokens|lm_head)\.weight$/;

/**
 * What is trained, in the order of the model's parameters, adapters last.
 *
 * @param adapters with `options.lora`: those on the model
 * @throws RocError USAGE where a pattern is no regular expression or fits no name, or nothing is left to train
 */
export function trainedParameters(model: Mllm, options: Choice, adapters?: LoraAdapters): Trained[] {
  const weights = [...model.parameters()];
  const all = [...weights, ...(adapters?.parameters() ?? [])].map(([name]) => name);
  const frozen = anyOf(options.freeze ?? [], all, "freeze");
  const also = adapters && anyOf(options.lora?.alsoTrain ?? [], all, "alsoTrain");
  const chosen = weights.flatMap(([name, parameter]): Trained[] => {
    if (VOCABULARY.test(name))
      return vocabularyRows(model, options, adapters).map((rows) => rowsOf(name, parameter, rows));
    return also && !also(name) ? [] : [{ name, parameter }];
  });
  const adapted = [...(adapters?.parameters() ?? [])].map(([name, parameter]) => ({ name, parameter }));
  const trained = [...chosen, ...adapted].filter(({ name }) => !frozen(name));
  if (trained.length > 0) return trained;
  throw new RocError("USAGE", "Nothing is left to train: everything is frozen.");
}

/** The trained rows of a matrix of the vocabulary; "all" of them, none, or one range after another. */
function vocabularyRows({ config }: Mllm, { vocabulary }: Choice, adapters?: LoraAdapters): (Rows | "all")[] {
  const part = vocabulary ?? (adapters ? "new" : "all");
  if (part !== "new") return part === "all" ? ["all"] : [];
  const score = vocabularyFromConfig(config);
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

function rowsOf(name: string, parameter: Tensor, rows: Rows | "all"): Trained {
  return rows === "all" ? { name, parameter } : { name: `${name}[${rows.join(":")}]`, parameter, rows };
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
  const names = trained.map(({ name }) => name);
  const rules = groups.map((rule) => ({ ...rule, matches: anyOf([rule.pattern], names, "groups") }));
  const found = new Map<string, ParameterGroup & { readonly parameters: Map<string, Tensor> }>();
  for (const { name, parameter, rows } of trained) {
    const rule = rules.find(({ matches }) => matches(name));
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

/** Whether one of some patterns fits a name; each must fit some of `names`. */
function anyOf(patterns: readonly string[], names: readonly string[], option: string): Matches {
  const tests = patterns.map((pattern) => {
    const matches = PARTS.get(pattern) ?? searched(pattern, option);
    if (names.some(matches)) return matches;
    throw new RocError(
      "USAGE",
      `${option}: no parameter of this run is called "${pattern}". The first is ${names[0] ?? "none"}.`,
    );
  });
  return (name) => tests.some((matches) => matches(name));
}

function searched(pattern: string, option: string): Matches {
  try {
    const expression = new RegExp(pattern, "u");
    return (name) => expression.test(name);
  } catch (cause) {
    throw new RocError("USAGE", `${option}: "${pattern}" is no regular expression.`, { cause });
  }
}
