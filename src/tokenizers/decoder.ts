/** Decoders of tokenizer.json: pieces of tokens back to text, exactly as Python's `tokenizers` does it. */
import { z } from "zod";
import { RocError } from "../errors.js";

/** Rewrites a list of pieces; the text is their concatenation. */
type Decode = (pieces: readonly string[]) => string[];

const replace = z.object({ pattern: z.object({ String: z.string().min(1) }), content: z.string() });
const strip = z.object({ content: z.string().length(1), start: z.number().int(), stop: z.number().int() });
const metaspace = z.object({ replacement: z.string().default("▁"), prepend_scheme: z.string().default("always") });
const sequence = z.object({ decoders: z.array(z.looseObject({ type: z.string() })) });

/**
 * Creates the decoder described by `config` (the field `decoder` of tokenizer.json).
 *
 * @param file path of tokenizer.json, for messages
 * @throws RocError TOKENIZER_INVALID for a decoder that no supported model uses or that lacks a field
 */
export function makeDecoder(config: { type: string } | null, file: string): (pieces: readonly string[]) => string {
  if (config === null) return (pieces) => pieces.join(" ");
  const decode = makeStep(config, file);
  return (pieces) => decode(pieces).join("");
}

function makeStep(config: { type: string }, file: string): Decode {
  switch (config.type) {
    case "Sequence": {
      const steps = check(sequence, config, file).decoders.map((step) => makeStep(step, file));
      return (pieces) => steps.reduce<string[]>((current, step) => step(current), [...pieces]);
    }
    case "Replace": {
      const { pattern, content } = check(replace, config, file);
      return (pieces) => pieces.map((piece) => piece.split(pattern.String).join(content));
    }
    case "Strip": {
      const { content, start, stop } = check(strip, config, file);
      return (pieces) => pieces.map((piece) => stripped(piece, content, start, stop));
    }
    case "Metaspace": {
      const { replacement, prepend_scheme } = check(metaspace, config, file);
      const first = prepend_scheme === "never" ? " " : "";
      return (pieces) => pieces.map((piece, i) => piece.split(replacement).join(i === 0 ? first : " "));
    }
    case "Fuse":
      return (pieces) => [pieces.join("")];
    case "ByteFallback":
      return byteFallback;
    case "ByteLevel":
      return byteLevel;
    default: {
      const problem = `decoder.type "${config.type}" is not supported`;
      throw new RocError("TOKENIZER_INVALID", `${file}: ${problem}; supported are those of LLaMA and Qwen tokenizers`);
    }
  }
}

function check<T extends z.ZodType>(schema: T, config: { type: string }, file: string): z.infer<T> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = ["decoder", config.type, ...(issue?.path ?? [])].map(String).join(".");
  throw new RocError("TOKENIZER_INVALID", `${file}: ${field}: ${issue?.message}; correct the file`);
}

function stripped(piece: string, content: string, start: number, stop: number): string {
  let from = 0;
  let to = piece.length;
  while (from < start && piece[from] === content) from++;
  while (piece.length - to < stop && to > from && piece[to - 1] === content) to--;
  return piece.slice(from, to);
}

/** The byte of a byte-fallback token such as `<0x0A>`. */
export function fallbackByte(token: string): number | undefined {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? parseInt(token.slice(3, 5), 16) : undefined;
}

/** Runs of byte tokens become their UTF-8 text; a run that is not UTF-8 becomes one U+FFFD per byte. */
function byteFallback(pieces: readonly string[]): string[] {
  const texts: string[] = [];
  let run: number[] = [];
  const flush = (): void => {
    if (run.length > 0) texts.push(strictUtf8(run) ?? "\ufffd".repeat(run.length));
    run = [];
  };
  for (const piece of pieces) {
    const byte = fallbackByte(piece);
    if (byte !== undefined) {
      run.push(byte);
      continue;
    }
    flush();
    texts.push(piece);
  }
  flush();
  return texts;
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LOSSY = new TextDecoder("utf-8", { ignoreBOM: true });

function strictUtf8(bytes: readonly number[]): string | undefined {
  try {
    return STRICT.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** GPT-2's table: printable bytes map to themselves, the others to U+0100 and up. */
const BYTE_OF_CHAR: ReadonlyMap<string, number> = (() => {
  const table = new Map<string, number>();
  const prints = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let moved = 256;
  for (let byte = 0; byte < 256; byte++) table.set(String.fromCharCode(prints(byte) ? byte : moved++), byte);
  return table;
})();

/** Pieces of GPT-2's byte characters to bytes; a piece with any other character yields its own UTF-8 bytes. */
function byteLevel(pieces: readonly string[]): string[] {
  const bytes = pieces.flatMap((piece) => {
    const own = Array.from(piece, (char) => BYTE_OF_CHAR.get(char));
    return own.every((byte) => byte !== undefined) ? own : [...new TextEncoder().encode(piece)];
  });
  return [LOSSY.decode(Uint8Array.from(bytes))];
}
