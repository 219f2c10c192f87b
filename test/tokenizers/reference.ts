/** The recorded behaviour of the Python reference (test/fixtures/tokenizers/make.py). */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { fixture } from "../support.js";

const id = z.number().int();
const decoded = { ids: z.array(id), decoded: z.string(), skipped: z.string() };
const reference = z.object({
  size: id,
  bos: id.nullable(),
  eos: id.nullable(),
  pad: id.nullable(),
  added: z.record(z.string(), z.string()),
  cases: z.array(z.object({ text: z.string(), plain: z.array(id), ...decoded })).min(60),
  sequences: z.array(z.object(decoded)).min(40),
});

export type Reference = z.infer<typeof reference>;

/** Folder of a committed tokenizer. */
export function tokenizerFolder(name: string): string {
  return fixture(`tokenizers/${name}`);
}

export async function readReference(name: string): Promise<Reference> {
  return reference.parse(JSON.parse(await readFile(`${tokenizerFolder(name)}/cases.json`, "utf8")));
}
