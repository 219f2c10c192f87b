/** Fields that the families' configurations have in common. */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { ACTIVATION_NAMES } from "../../nn/index.js";

/** Null and absent both mean the default. */
export function or<T extends z.ZodType, D>(type: T, value: D) {
  return type.nullish().transform((given) => given ?? value);
}

/** Sizes and counts: far above any model's, and so low that a product of two is exact. */
export const count = z
  .number()
  .int()
  .positive()
  .max(2 ** 24);

/** Pixels of a side of what a vision tower takes: far above any model's, and a picture of it still fits in memory. */
export const imageSide = count.max(4096);
/** Pixels of a patch's side, patches of a merged block's, frames of a patch. */
export const patchSide = count.max(1024);
export const blockSide = count.max(64);

const notSquare = "expected a side in pixels, or [height, width] that are the same: only squares are supported";

/** A side that is written as a number or as [height, width], as long as they are the same. */
export function squareOf(side: z.ZodType<number>) {
  const both = z.tuple([side, side]).refine(([height, width]) => height === width);
  return z.union([side, both.transform(([height]) => height)], { error: notSquare });
}

export const positive = z.number().positive();
export const activation = z.enum(ACTIVATION_NAMES);
export const tokenId = z.number().int().nonnegative();

/**
 * The value of a field that generations of transformers spell differently.
 *
 * @param values those of the spellings, the one that the newest reads first
 * @param invalid makes the error of a sentence
 */
export function sameOf<T>(
  values: Readonly<Record<string, T | null | undefined>>,
  invalid: InvalidConfig,
): T | undefined {
  const said = Object.entries(values).flatMap(([name, value]) => (value === null || value === undefined ? [] : [{ name, value }])); // prettier-ignore
  const [first] = said;
  const other = said.find(({ value }) => value !== first?.value);
  if (!first || !other) return first?.value;
  throw invalid(`${first.name} is ${String(first.value)}, but ${other.name} is ${String(other.value)}: leave one of them out`); // prettier-ignore
}

/** Of messages about sizes that do not fit each other. */
export const OR_DEFAULT = " (what the file leaves out has its default)";

/** A decoder's heads. */
export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** The fields that say what a decoder's heads are. */
export interface HeadFields {
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads?: number | null | undefined;
  readonly head_dim?: number | null | undefined;
}

/**
 * The heads that a config's fields come to: as many for keys and values as for queries, and the hidden size shared out,
 * where it does not say otherwise.
 *
 * @param invalid makes the error of a sentence
 */
export function headsOf(values: HeadFields, invalid: InvalidConfig): Heads {
  const { hidden_size, num_attention_heads: heads } = values;
  const kvHeads = values.num_key_value_heads ?? heads;
  const headDim = values.head_dim ?? hidden_size / heads;
  if (Number.isInteger(headDim / 2) && Number.isInteger(heads / kvHeads)) return { heads, kvHeads, headDim };
  const sizes = `hidden_size ${hidden_size}, num_attention_heads ${heads}, num_key_value_heads ${kvHeads}`;
  throw invalid(`${sizes} do not divide into heads of an even size${OR_DEFAULT}`);
}

/** Checks the heads of a tower's part, which share its rows. @throws RocError of `invalid` */
export function checkHeads(part: string, hiddenSize: number, heads: number, invalid: InvalidConfig): void {
  if (hiddenSize % heads === 0) return;
  throw invalid(`${part}: hidden_size ${hiddenSize} is no multiple of num_attention_heads ${heads}`);
}

/** Makes the error of a sentence about a file. */
export type InvalidConfig = (what: string) => Error;

/** @param model what messages call the family, with its article; @param file what they call the file */
export function invalidFor(model: string, file: string): InvalidConfig {
  return (what) =>
    new RocError(
      "CONFIG_INVALID",
      `${file} is not ${model} config that this program knows: ${what}. Correct it, or fetch the file again.`,
    );
}

/** @throws RocError of `invalid`, naming the fields */
export function parsedBy<T extends z.ZodType>(type: T, config: unknown, invalid: InvalidConfig): z.infer<T> {
  const result = type.safeParse(config);
  if (result.success) return result.data;
  throw invalid(z.prettifyError(result.error).replaceAll("\n", " "));
}

/**
 * Which hidden state of a vision tower a file's field means: 0 is the first layer's input, -1 the last output, as in Python.
 *
 * @param layers of the tower
 */
export function hiddenStateOf(field: string, layer: number, layers: number, invalid: InvalidConfig): number {
  const index = layer < 0 ? layers + 1 + layer : layer;
  if (index >= 0 && index <= layers) return index;
  throw invalid(`${field} ${layer} is not among the ${layers + 1} hidden states of the vision tower`);
}
