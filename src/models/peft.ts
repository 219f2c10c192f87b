/**
 * Adapter folders of Python peft (0.21), both ways: `adapter_config.json`, and `adapter_model.safetensors` with the names
 * that transformers gives modules in memory behind `base_model.model.`.
 */
import { join } from "node:path";
import { messageOf, RocError } from "../errors.js";
import { LoraAdapter } from "../nn/index.js";
import { keep, noGrad, scope, type Tensor } from "../torch/index.js";
import { atomicWriteJson, openFolder, type FolderLike } from "../files/index.js";
import { ADAPTER_CONFIG, BASE_FILE, readAdapterConfig } from "./adapter-config.js";
import { openSafetensors, saveSafetensors, type Checkpoint } from "../weights/index.js";
import { linearMaps, LoraAdapters, loraShape, memoryName, type Adapted } from "./lora.js";
import type { Mllm } from "./types.js";

const ADAPTER_WEIGHTS = "adapter_model.safetensors";
const PREFIX = "base_model.model.";
const LORA_A = ".lora_A.weight";
/** In front of the last part of a name: what peft calls the map under an adapter. */
const BASE_LAYER = ".base_layer.";

export interface SaveAdapterOptions {
  /** What the adapters belong to: a folder, or a name on the hub. */
  readonly base: string;
  /** `digestModel()` of the base, by which a caller that applies the adapters recognises it; default: none is written. */
  readonly digest?: string | undefined;
  /** Public names of the parameters that were trained beside the adapters; written with their modules where peft can. */
  readonly trained?: Iterable<string>;
}

/**
 * Writes an adapter folder that `peft.PeftModel.from_pretrained` puts on the transformers model. Where the vocabulary has
 * grown, that model's `resize_token_embeddings` comes first.
 *
 * @throws RocError FILE_UNWRITABLE
 */
export async function saveAdapter(
  folder: string,
  model: Mllm,
  adapters: LoraAdapters,
  { base, digest, trained = [] }: SaveAdapterOptions,
): Promise<void> {
  const names = new Set(trained);
  const adapted = new Set(adapters.adapted.map(([name]) => name));
  const modules = [...new Set([...names].map(moduleOf))]
    .filter((one) => !adapted.has(one) && isLeaf(model, one))
    .sort();
  const whole = [...model.parameters()].filter(([name]) => names.has(name) || modules.includes(moduleOf(name)));
  const all = [...adapters.parameters(), ...whole, ...tiedHead(model, whole)];
  const named = all.map(([name, tensor]) => [fileName(model, name, adapted), tensor] as const);
  await saveSafetensors(join(folder, ADAPTER_WEIGHTS), new Map(named));
  await atomicWriteJson(join(folder, ADAPTER_CONFIG), configOf(model, adapters, base, modules));
  if (digest !== undefined) await atomicWriteJson(join(folder, BASE_FILE), { digest });
}

const HEAD = "lm_head.weight";
const EMBEDDING = "embed_tokens";

/** Whether the model's head is its embedding. */
function isTied(model: Mllm): boolean {
  return ![...model.parameters().keys()].some((name) => name.endsWith(HEAD));
}

/** Where an embedding is written that is the head, too: peft looks for it under both names. */
function tiedHead(model: Mllm, whole: readonly (readonly [string, Tensor])[]): [string, Tensor][] {
  const embedding = whole.find(([name]) => moduleOf(name).endsWith(EMBEDDING));
  return embedding && isTied(model) ? [[HEAD, embedding[1]]] : [];
}

/** The module that has a parameter; "" is the model itself. */
function moduleOf(parameter: string): string {
  return parameter.slice(0, Math.max(0, parameter.lastIndexOf(".")));
}

/**
 * Whether a module has no further ones below it. Only such modules are told to peft as trained in full: of an adapted map, or of
 * a module with one inside, it would forget the adapter. Other parameters it takes by their names in memory.
 */
function isLeaf(model: Mllm, module: string): boolean {
  const below = [...model.parameters().keys()].filter((name) => name.startsWith(`${module}.`));
  return module !== "" && below.every((name) => moduleOf(name) === module);
}

function fileName(model: Mllm, name: string, adapted: ReadonlySet<string>): string {
  const [, module = name, end = ""] = /^(.*?)(\.lora_[AB]\.weight)?$/.exec(name) ?? [];
  if (end !== "") return PREFIX + memoryName(model, module) + end;
  const own = model.transformersName?.(name) ?? name;
  return PREFIX + (adapted.has(moduleOf(name)) ? own.replace(/\.(\w+)$/, `${BASE_LAYER}$1`) : own);
}

function configOf(
  model: Mllm,
  { options, adapted }: LoraAdapters,
  base: string,
  modules: readonly string[],
): Record<string, unknown> {
  // peft tries an expression on every module, and fails at one that is no linear map: it gets the names instead.
  const { targets } = options;
  const names = typeof targets === "string" ? adapted.map(([name]) => memoryName(model, name)) : targets;
  const { rank, alpha, dropout, rslora } = loraShape(options);
  // Where the head is the embedding, peft keeps it so only if it is told to.
  const tied = modules.some((module) => module.endsWith(EMBEDDING)) && isTied(model);
  return {
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: "none",
    ...(tied && { ensure_weight_tying: true }),
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_dropout: dropout,
    modules_to_save: modules.length > 0 ? modules.map((module) => memoryName(model, module)) : null,
    peft_type: "LORA",
    r: rank,
    target_modules: names,
    task_type: null,
    use_dora: false,
    use_rslora: rslora,
  };
}

/** The weights of an adapter folder. @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CHECKPOINT_INVALID */
export function openAdapter(folder: FolderLike): Promise<Checkpoint> {
  return openSafetensors(openFolder(folder).file(ADAPTER_WEIGHTS));
}

/**
 * Puts the adapters of a folder, ours or peft's, on a model, and copies what was trained in full beside them into its
 * parameters; a vocabulary that has grown makes the model's grow.
 *
 * @throws RocError CONFIG_INVALID, CHECKPOINT_MISMATCH naming what does not fit; the model is then to be disposed
 */
export async function loadAdapter(model: Mllm, folder: FolderLike): Promise<LoraAdapters> {
  const { options } = await readAdapterConfig(folder);
  using file = await openAdapter(folder);
  const stored = new Map(file.names().map((name) => [publicName(model, name), name]));
  const adapted: Adapted[] = [];
  try {
    for (const [name, map] of linearMaps(model)) {
      const [a, b] = [stored.get(`${name}${LORA_A}`), stored.get(`${name}.lora_B.weight`)];
      if (a === undefined || b === undefined) continue;
      const [outputs = 0, inputs = 0] = map.weight.shape;
      const shape = loraShape(options);
      const tensors = [
        read(file, a, [shape.rank, inputs], model),
        read(file, b, [outputs, shape.rank], model),
      ] as const;
      adapted.push([name, map, new LoraAdapter(...tensors, shape, adapted.length)]);
      stored.delete(`${name}${LORA_A}`);
      stored.delete(`${name}.lora_B.weight`);
    }
    for (const [name, key] of stored) if (!(name.endsWith(HEAD) && isTied(model))) copyWhole(model, name, file, key);
  } catch (error) {
    for (const [, , adapter] of adapted) adapter.dispose();
    throw error instanceof RocError ? error : new RocError("CHECKPOINT_INVALID", messageOf(error), { cause: error });
  }
  return new LoraAdapters(options, adapted);
}

/** The public name of what a file calls `base_model.model.…`. */
function publicName(model: Mllm, key: string): string {
  const name = (key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key).replace(BASE_LAYER, ".");
  const lora = /^(.*)(\.lora_[AB]\.weight)$/.exec(name);
  if (!lora) return model.parameterName?.(name) ?? name;
  const parameter = `${lora[1] ?? ""}.weight`;
  return (model.parameterName?.(parameter) ?? parameter).replace(/\.weight$/, lora[2] ?? "");
}

function read(file: Checkpoint, key: string, shape: readonly number[], { device }: Mllm): Tensor {
  const found = file.info(key).shape;
  if (found.join() !== shape.join()) throw mismatch(file, `${key} is [${found.join(", ")}], not [${shape.join(", ")}]`);
  return keep(noGrad(() => scope(() => file.tensor(key).to({ dtype: "float32", device }).clone())));
}

function copyWhole(model: Mllm, name: string, file: Checkpoint, key: string): void {
  const [rows = 0, ...others] = file.info(key).shape;
  const [own, ...width] = model.parameters().get(name)?.shape ?? [];
  // A matrix with a row a token.
  const grows = own === model.vocabSize && rows > own && others.join() === width.join();
  if (grows) model.growVocabulary([rows - 1], own);
  const parameter = model.parameters().get(name);
  if (parameter === undefined) throw mismatch(file, `the model has nothing called ${key}`);
  const shape = parameter.shape.join(", ");
  if (file.info(key).shape.join(", ") !== shape) throw mismatch(file, `${key} does not have the shape [${shape}]`);
  noGrad(() => scope(() => void parameter.copy_(file.tensor(key))));
}

function mismatch({ path }: Checkpoint, what: string): RocError {
  return new RocError(
    "CHECKPOINT_MISMATCH",
    `${path} does not fit the model: ${what}. Take the adapter's own base model.`,
  );
}
