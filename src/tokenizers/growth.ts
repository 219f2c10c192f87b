/** How much the steps of a tokenizer.json can lengthen a text: chained replacements multiply. */
import { RocError } from "../errors.js";

/** Real files reach some tens. */
const MOST_GROWTH = 10_000;

/** Keys under which a Sequence holds its steps. */
const STEPS = ["normalizers", "pretokenizers", "decoders"];

type Step = Readonly<Record<string, unknown>>;

/** Of Unicode normalization: U+FDFA becomes 18 characters. */
const UNICODE: Readonly<Record<string, number>> = { NFC: 3, NFD: 4, NFKC: 18, NFKD: 18, Lowercase: 3, ByteLevel: 4 };

/**
 * An upper bound on the number of characters that one character becomes.
 *
 * @param field name of the part, such as `normalizer`
 * @param file path of tokenizer.json, for messages
 * @throws RocError TOKENIZER_INVALID above ten thousand
 */
export function checkedGrowth(part: unknown, field: string, file: string): number {
  const growth = growthOf(part);
  if (growth <= MOST_GROWTH) return growth;
  const problem = `its replacements make a text up to ${growth.toPrecision(3)} times as long`;
  throw new RocError("TOKENIZER_INVALID", `${file}: ${field}: ${problem}; correct or re-download it`);
}

function growthOf(part: unknown): number {
  if (typeof part !== "object" || part === null) return 1;
  const step = part as Step;
  const { type, content, prepend, replacement } = step;
  if (type === "Sequence") {
    const steps = STEPS.flatMap((name) => step[name] ?? []);
    return steps.reduce<number>((product, one) => product * growthOf(one), 1);
  }
  if (type === "Replace") return Math.max(1, lengthOf(content) / matchLength(step));
  if (type === "Prepend") return 1 + lengthOf(prepend);
  if (type === "Metaspace") return 1 + lengthOf(replacement);
  return typeof type === "string" && Object.hasOwn(UNICODE, type) ? (UNICODE[type] as number) : 1;
}

/** Characters that a match consumes; a regular expression may match the empty string before every character and at the end. */
function matchLength({ pattern }: Step): number {
  const { String: text } = (pattern ?? {}) as Step;
  return typeof text === "string" && text !== "" ? text.length : 1 / 2;
}

function lengthOf(value: unknown): number {
  return typeof value === "string" ? value.length : 0;
}
