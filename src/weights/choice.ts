/** Which of a folder's files are its weights, by name only: used by the loader and by downloads. */

export const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";
export const BIN = "pytorch_model.bin";
export const BIN_INDEX = "pytorch_model.bin.index.json";

/** HPSv3's, the only weights of a folder that has no others. */
const HPSV3 = "HPSv3.safetensors";

export interface WeightsChoice {
  /** The index that maps tensors to shards. */
  readonly index?: string;
  /** The weights where there is no index: one file, or numbered shards. */
  readonly files: readonly string[];
  /** Missing numbered shards. */
  readonly missing?: readonly string[];
}

/**
 * Chooses among the formats in which weights may be present: model.safetensors, its shards by their index,
 * pytorch_model.bin, its shards by their index, shards without an index; then the same with a variant in the name
 * (model.fp16.safetensors), where there is only one.
 *
 * @param names of the files in the folder itself
 * @returns undefined where none of them holds a model's weights, or where several variants exist (see {@link variantsOf})
 */
export function chooseWeights(names: readonly string[]): WeightsChoice | undefined {
  const plain = plainWeights(names);
  if (plain) return plain;
  if (names.includes(HPSV3)) return { files: [HPSV3] };
  const [variant, ...others] = variantsOf(names);
  if (variant === undefined || others.length > 0) return undefined;
  const named = names.filter((name) => variantOf(name) === variant);
  return plainWeights(named, variant);
}

/** The variants (fp16, bf16) in which a folder has weights. */
export function variantsOf(names: readonly string[]): string[] {
  return [...new Set(names.map(variantOf).filter((variant) => variant !== undefined))].sort();
}

/** Whether a file is a shard of the index of this name, judged by its own name. */
export function isShardOf(index: string, name: string): boolean {
  const [stem, ending] = index.startsWith(BIN) ? ["pytorch_model", "bin"] : ["model", "safetensors"];
  return new RegExp(`^${stem}(\\.\\w+)?-\\d+-of-\\d+\\.${ending}$`).test(name);
}

function plainWeights(names: readonly string[], variant?: string): WeightsChoice | undefined {
  const has = new Set(names);
  // A variant comes before the last dot: model.fp16.safetensors, model.safetensors.index.fp16.json.
  const spelt = (name: string): string => (variant ? name.replace(/\.(?=[^.]*$)/, `.${variant}.`) : name);
  for (const [single, index] of [
    [spelt(SINGLE), spelt(INDEX)],
    [spelt(BIN), spelt(BIN_INDEX)],
  ] as const) {
    if (has.has(single)) return { files: [single] };
    if (has.has(index)) return { index, files: [] };
  }
  const stem = variant ? `.${variant}` : "";
  return numbered(names, `model${stem}`, "safetensors") ?? numbered(names, `pytorch_model${stem}`, "bin");
}

/** `model-00001-of-00002.safetensors` and the like, in order. */
function numbered(names: readonly string[], stem: string, ending: string): WeightsChoice | undefined {
  const form = new RegExp(`^${stem.replaceAll(".", "\\.")}-(\\d{1,6})-of-(\\d{1,6})\\.${ending}$`);
  const shards = names.flatMap((file) => {
    const [, number = "", count = ""] = form.exec(file) ?? [];
    return number === "" ? [] : [{ file, number, count }];
  });
  const [first] = shards;
  // With two sets in one folder, the choice is ambiguous.
  if (first === undefined || shards.some(({ count }) => count !== first.count)) return undefined;
  const there = new Set(shards.map(({ number }) => Number(number)));
  const numbers = Array.from({ length: Math.min(Number(first.count), shards.length + MOST_NAMED) }, (_, i) => i + 1);
  const missing = numbers
    .filter((number) => !there.has(number))
    .map((number) => `${stem}-${String(number).padStart(first.number.length, "0")}-of-${first.count}.${ending}`);
  return { files: shards.map(({ file }) => file).sort(), missing };
}

/** Maximum number of missing shards that a message names. */
const MOST_NAMED = 40;

function variantOf(name: string): string | undefined {
  const [, ...found] =
    /^(?:pytorch_)?model(?:\.(\w+)(?:-\d+-of-\d+)?\.(?:safetensors|bin)|\.(?:safetensors|bin)\.index\.(\w+)\.json)$/.exec(name) ?? []; // prettier-ignore
  return found.find((variant) => variant !== undefined);
}
