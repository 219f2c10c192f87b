/** Options of callers without types. Loads no libtorch. */
import { beginning, RocError } from "../errors.js";
import type { Scale } from "../roc/index.js";

/** What a value has to be, and whether it is. */
type OptionType = readonly [what: string, fits: (value: unknown) => boolean];

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const TEXT: OptionType = ["a text", (value) => typeof value === "string"];
const FLAG: OptionType = ["true or false", (value) => typeof value === "boolean"];
const NUMBER: OptionType = ["a number", (value) => typeof value === "number" && !Number.isNaN(value)];
// Null is as good as nothing where nobody reads it.
const CALL: OptionType = ["a function", (value) => value === null || typeof value === "function"];
const SCALE: OptionType = [
  "an object of min and max, two numbers",
  (value) => value === null || (isObject(value) && ["min", "max"].every((key) => typeof (value as Record<string, unknown>)[key] === "number")), // prettier-ignore
];
const SIGNAL: OptionType = [
  "the signal of an AbortController",
  (value) => value === null || (isObject(value) && typeof (value as Partial<AbortSignal>).addEventListener === "function"), // prettier-ignore
];

/** Options by name; those whose values are looked at elsewhere are not here. */
export type OptionTypes = Readonly<Record<string, OptionType>>;

/** Of {@link load}. */
export const LOAD_TYPES: OptionTypes = {
  device: TEXT,
  quantize: TEXT,
  visionTower: TEXT,
  base: TEXT,
  head: TEXT,
  scorer: TEXT,
  aspect: TEXT,
  promptSource: TEXT,
  text: TEXT,
  sample: NUMBER,
  scale: SCALE,
  signal: SIGNAL,
  onNote: CALL,
  worker: FLAG,
};

/** Of {@link Model.score} and {@link Model.scoreOne}. */
export const SCORE_TYPES: OptionTypes = {
  signal: SIGNAL,
  maxPixels: NUMBER,
  allowDamaged: FLAG,
  comments: FLAG,
  onProgress: CALL,
};

/** Of `scanPhotos()`. */
export const SCAN_TYPES: OptionTypes = {
  library: TEXT,
  signal: SIGNAL,
  maxPixels: NUMBER,
  retry: FLAG,
  comments: FLAG,
  onProgress: CALL,
  onFailure: CALL,
};

/** Of `learnTaste()`. */
export const TASTE_TYPES: OptionTypes = { library: TEXT, from: TEXT, signal: SIGNAL };

/** Of `cullPhotos()`. */
export const CULL_TYPES: OptionTypes = {
  library: TEXT,
  taste: TEXT,
  among: TEXT,
  sidecars: TEXT,
  undoFile: TEXT,
  dryRun: FLAG,
  rejectBrackets: FLAG,
  keep: NUMBER,
  signal: SIGNAL,
};

/** Of {@link Model.explain}. */
export const EXPLAIN_TYPES: OptionTypes = {
  signal: SIGNAL,
  maxPixels: NUMBER,
  allowDamaged: FLAG,
  of: TEXT,
  evaluations: NUMBER,
};

/** Of {@link createModel}. */
export const MODEL_TYPES: OptionTypes = {
  digest: TEXT,
  folder: TEXT,
  resize: TEXT,
  scale: SCALE,
  threads: NUMBER,
  onNote: CALL,
};

/**
 * @param caller for messages, as "load()"
 * @throws RocError USAGE naming the option, its value and what it has to be
 */
export function checkTypes(caller: string, options: unknown, types: OptionTypes): void {
  if (!isObject(options)) throw new RocError("USAGE", `${caller}: the options are ${shown(options)}; give an object.`);
  for (const [name, [what, fits]] of Object.entries(types)) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined && !fits(value))
      throw new RocError("USAGE", `${caller}: ${name} is ${shown(value)}; give ${what}.`);
  }
}

/** @throws RocError USAGE */
export function checkScale(scale: Scale | undefined): void {
  if (!scale || (Number.isFinite(scale.max - scale.min) && scale.min < scale.max)) return;
  throw new RocError("USAGE", `The scale ${scale.min} to ${scale.max} is none: give the lowest and the highest score.`);
}

/** @throws RocError USAGE */
export function checkThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= 4096)) return;
  throw new RocError("USAGE", `threads is ${threads}; give a whole number from 1 to 4096.`);
}

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  return isObject(value) ? beginning(JSON.stringify(value) ?? "an object") : String(value);
}
