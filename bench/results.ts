/** What the benchmarks do with their figures, and the flags by which they are told. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Of those that print a table: for `parseArgs()`. */
export const RESULT_OPTIONS = { json: { type: "boolean", default: false }, out: { type: "string" } } as const;

/** Writes figures as JSON into `--out`, if that is given. @returns the JSON */
export function writeResult(result: unknown, out: string | undefined): string {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (out !== undefined) {
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, text);
  }
  return text;
}

/** Of those that print no table: into `--out`, else on standard output. */
export function giveResult(result: unknown, out: string | undefined): void {
  const text = writeResult(result, out);
  if (out === undefined) process.stdout.write(text);
}
