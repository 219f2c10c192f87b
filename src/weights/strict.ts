/** A model's parameters from a checkpoint, with one error for all mismatches. */
import { RocError } from "../errors.js";
import { keep, noGrad, scope, zeros, type Device, type DType, type Tensor } from "../torch/index.js";
import { fitsInt8, quantizeRows, type QuantizePlan } from "../torch/int8.js";
import type { Checkpoint } from "./checkpoint.js";
import { checkRoom } from "./room.js";
import { quantised, quantisedPart } from "./quantised.js";

/**
 * Tables in old files that models compute: LLaMA's rotary frequencies, CLIP's position ids. No family needs them, so
 * {@link strictSource} ignores them in every checkpoint.
 */
export const COMPUTED_TENSORS = /(^|\.)(rotary_emb\.inv_freq|embeddings\.position_ids)$/;

export interface StrictOptions {
  /** The model's name for a tensor named `name` in the file. */
  readonly rename?: (name: string) => string;
  /** Names (the model's) that may be present and are not used, besides {@link COMPUTED_TENSORS}. */
  readonly ignore?: (name: string) => boolean;
  /** Converts to this dtype (default: the file's). */
  readonly dtype?: DType | undefined;
  readonly device?: Device | undefined;
  /** Placeholders of the right shapes and dtypes, without memory of their own, instead of the weights. Default false. */
  readonly outline?: boolean | undefined;
  /** The weights are one file of their authors, whose config was read off it; for messages. Default false. */
  readonly alone?: boolean | undefined;
  /** Weights of linear maps whose shape fits are given as int8, and the factors of their rows when they are asked for. */
  readonly quantize?: QuantizePlan | undefined;
}

export interface StrictSource {
  /**
   * The parameter, which the caller owns; a placeholder where it is missing or has a different shape.
   * @throws RocError CHECKPOINT_MISMATCH, as `finish`, where the model requests an absurd amount of missing parameters
   */
  take(name: string, shape: readonly number[], init?: unknown, use?: "linear" | "scales"): Tensor;
  /** Whether every parameter so far was present and matched. */
  readonly fits: boolean;
  /** @throws RocError CHECKPOINT_MISMATCH that lists missing, unexpected and wrongly shaped names, if there are any */
  finish(): void;
}

/** Number of names per kind that a message lists; the rest is counted. */
const LISTED = 40;

/** Limits on missing parameters: more, or a larger tensor, means an invalid config, and building it would take forever. */
const MOST_MISSING = 20_000;
const MOST_ELEMENTS = 2 ** 33;

/**
 * Supplies parameters by name and shape and records mismatches: build the model, then call `finish()`.
 *
 * @throws RocError CHECKPOINT_MISMATCH where two tensors of the file have the same name for the model
 */
export function strictSource(checkpoint: Checkpoint, options: StrictOptions = {}): StrictSource {
  const { rename = (name) => name, ignore = () => false, quantize, dtype } = options;
  if (checkpoint.absent) return outlineSource(dtype);
  const left = renamed(checkpoint, rename, ignore);
  if (!options.outline) checkRoom(checkpoint, [...left.values()], options);
  const missing: string[] = [];
  const wrong: string[] = [];
  const integers: string[] = [];
  const others: string[] = [];
  /** Factors of weights that were rounded here, until they are asked for. */
  const scales = new Map<string, Tensor>();
  const finish = (): void => {
    const lists = [
      list("missing", missing),
      list("unexpected", [...left.keys()]),
      list("of another shape", wrong),
      list("of whole numbers", integers),
      list("of another dtype than config.json's quantization_config says", others),
    ];
    const text = lists.filter((part) => part !== "").join("; ");
    if (text === "") return;
    for (const tensor of scales.values()) tensor.dispose();
    const part = quantize?.stored ? undefined : quantisedPart(left.values());
    if (part !== undefined) throw quantised(`${checkpoint.path} (it holds ${part})`);
    const narrow = integers.find((one) => /int8$/.test(one));
    if (narrow !== undefined) throw quantised(`${checkpoint.path} (${narrow})`);
    if (options.alone)
      throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path} is damaged or another model's: ${text}. Fetch the file again.`); // prettier-ignore
    const remedy =
      "The weights and config.json do not belong together, or a file of them is missing: fetch both again.";
    throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path} does not fit its config.json: ${text}. ${remedy}`);
  };
  const taken = (stored: string, shape: readonly number[], name: string, kind: Kind): Tensor | undefined => {
    const { dtype, shape: found } = checkpoint.info(stored);
    const isExpected =
      kind === "bytes" ? dtype === "int8" : kind === "scales" ? dtype === "float32" : /float/.test(dtype);
    if (!isExpected && (kind === "scales" || kind === "bytes")) others.push(`${name} is ${dtype}`);
    else if (!isExpected) integers.push(`${name} is ${dtype}`);
    else if (found.join() === shape.join()) return readAs(kind, stored, name, shape);
    else wrong.push(`${name} is [${found.join(", ")}], the config asks for [${shape.join(", ")}]`);
    return undefined;
  };
  const readAs = (kind: Kind, stored: string, name: string, shape: readonly number[]): Tensor => {
    const { device } = options;
    if (options.outline) {
      if (kind === "to bytes") scales.set(scalesOf(name), placeholder(shape.slice(0, 1)));
      const plain = options.dtype ?? checkpoint.info(stored).dtype;
      return placeholder(shape, kind === "plain" ? plain : kind === "scales" ? "float32" : "int8");
    }
    if (kind === "plain") return read(checkpoint, stored, options);
    if (kind !== "to bytes") return read(checkpoint, stored, { device });
    const [bytes, factors] = noGrad(() =>
      scope(() => {
        const rounded = quantizeRows(checkpoint.tensor(stored));
        return [rounded.bytes, rounded.scales].map((tensor) => keep(device ? tensor.to({ device }) : tensor));
      }),
    ) as [Tensor, Tensor];
    checkpoint.drop(stored);
    scales.set(scalesOf(name), factors);
    return bytes;
  };
  return {
    finish,
    get fits() {
      return missing.length + wrong.length + integers.length + others.length === 0;
    },
    take(name, shape, _init, use) {
      const made = scales.get(name);
      if (made !== undefined) {
        scales.delete(name);
        return made;
      }
      const stored = left.get(name);
      left.delete(name);
      const kind = kindOf(use, shape, quantize);
      const found = stored === undefined ? undefined : taken(stored, shape, name, kind);
      if (found) return found;
      if (stored === undefined) missing.push(name);
      // What belongs to a weight that is not there is not a second fault.
      if (kind === "bytes") left.delete(scalesOf(name));
      if (missing.length > MOST_MISSING || shape.reduce((product, size) => product * size, 1) > MOST_ELEMENTS) finish();
      return placeholder(shape);
    },
  };
}

/** Placeholders for whatever is asked for, without memory of their own. */
export function outlineSource(dtype: DType | undefined): StrictSource {
  return { fits: true, finish: () => undefined, take: (_name, shape) => placeholder(shape, dtype) };
}

/** How a parameter is in the file, and how it is wanted: in bytes in both, rounded to them here, their factors, or as ever. */
type Kind = "bytes" | "to bytes" | "scales" | "plain";

function kindOf(use: string | undefined, shape: readonly number[], plan: QuantizePlan | undefined): Kind {
  if (use === "scales") return "scales";
  if (use !== "linear" || plan === undefined || !fitsInt8(shape)) return "plain";
  return plan.stored ? "bytes" : "to bytes";
}

/** The name of the factors of a weight's rows. */
function scalesOf(weight: string): string {
  return `${weight}_scale`;
}

function renamed(
  checkpoint: Checkpoint,
  rename: (name: string) => string,
  ignore: (name: string) => boolean,
): Map<string, string> {
  const stored = new Map<string, string>();
  for (const name of checkpoint.names()) {
    const target = rename(name);
    if (COMPUTED_TENSORS.test(target) || ignore(target)) continue;
    const other = stored.get(target);
    if (other !== undefined) {
      throw new RocError(
        "CHECKPOINT_MISMATCH",
        `${checkpoint.path} holds ${target} twice, as ${other} and as ${name}.`,
      );
    }
    stored.set(target, name);
  }
  return stored;
}

function placeholder(shape: readonly number[], dtype: DType = "float32"): Tensor {
  return keep(scope(() => zeros([], { dtype }).expand(...shape)));
}

function read(checkpoint: Checkpoint, name: string, { dtype, device }: StrictOptions): Tensor {
  const target = { ...(dtype && { dtype }), ...(device && { device }) };
  const tensor = keep(noGrad(() => scope(() => checkpoint.tensor(name).to(target))));
  const isCopy = tensor.dtype !== checkpoint.info(name).dtype || tensor.device !== "cpu";
  if (isCopy) checkpoint.drop(name);
  return tensor;
}

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const shown = names.slice(0, LISTED).join(", ");
  const rest = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
  return `${what} (${names.length}): ${shown}${rest}`;
}
