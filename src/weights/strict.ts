/** A model's parameters from a checkpoint, with one error for all mismatches. */
import { RocError } from "../errors.js";
import { keep, noGrad, scope, zeros, type Device, type DType, type Tensor } from "../torch/index.js";
import type { Checkpoint } from "./checkpoint.js";
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
}

export interface StrictSource {
  /**
   * The parameter, which the caller owns; a placeholder where it is missing or has a different shape.
   * @throws RocError CHECKPOINT_MISMATCH, as `finish`, where the model requests an absurd amount of missing parameters
   */
  take(name: string, shape: readonly number[]): Tensor;
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
  const { rename = (name) => name, ignore = () => false } = options;
  const left = renamed(checkpoint, rename, ignore);
  const missing: string[] = [];
  const wrong: string[] = [];
  const integers: string[] = [];
  const finish = (): void => {
    const lists = [
      list("missing", missing),
      list("unexpected", [...left.keys()]),
      list("of another shape", wrong),
      list("of whole numbers", integers),
    ];
    const text = lists.filter((part) => part !== "").join("; ");
    if (text === "") return;
    const part = quantisedPart(left.values());
    if (part !== undefined) throw quantised(`${checkpoint.path} (it holds ${part})`);
    const narrow = integers.find((one) => /int8$/.test(one));
    if (narrow !== undefined) throw quantised(`${checkpoint.path} (${narrow})`);
    const remedy =
      "The weights and config.json do not belong together, or a file of them is missing: fetch both again.";
    throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path} does not fit its config.json: ${text}. ${remedy}`);
  };
  return {
    finish,
    get fits() {
      return missing.length + wrong.length + integers.length === 0;
    },
    take(name, shape) {
      const stored = left.get(name);
      left.delete(name);
      if (stored === undefined) missing.push(name);
      else {
        const { dtype, shape: found } = checkpoint.info(stored);
        const isFloat = /float/.test(dtype);
        if (isFloat && found.join() === shape.join()) {
          return options.outline ? placeholder(shape, options.dtype ?? dtype) : read(checkpoint, stored, options);
        }
        if (isFloat) wrong.push(`${name} is [${found.join(", ")}], the config asks for [${shape.join(", ")}]`);
        else integers.push(`${name} is ${dtype}`);
      }
      if (missing.length > MOST_MISSING || shape.reduce((product, size) => product * size, 1) > MOST_ELEMENTS) finish();
      return placeholder(shape);
    },
  };
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
  return keep(noGrad(() => scope(() => checkpoint.tensor(name).to(target))));
}

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const shown = names.slice(0, LISTED).join(", ");
  const rest = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
  return `${what} (${names.length}): ${shown}${rest}`;
}
