/**
 * The texts that a checkpoint is trained and scored with. They lie beside its weights in `roc_templates.json`, so that
 * training and scoring cannot disagree.
 *
 * A prompt holds `<image>` once. An answer holds a placeholder `{name}` where T_p stands: `{overall}`, or the name of
 * an attribute. Training draws from all of them; scoring takes the first prompt and the first answer.
 */
import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { POSITION_TOKEN } from "./vocabulary.js";

export const TEMPLATES_FILE = "roc_templates.json";

const PLACEHOLDER = /\{([A-Za-z][A-Za-z0-9_]*)\}/g;

/** The names of an answer's scores in reading order. */
export function scoreNames(answer: string): string[] {
  return [...answer.matchAll(PLACEHOLDER)].map((match) => match[1] as string);
}

const prompt = z
  .string()
  .refine((text) => text.split("<image>").length === 2, { error: "must hold <image> exactly once" });
const answer = z
  .string()
  .refine((text) => scoreNames(text).length > 0, { error: "must hold a placeholder such as {overall}" })
  .refine((text) => new Set(scoreNames(text)).size === scoreNames(text).length, { error: "names a score twice" })
  .refine((text) => !text.includes(POSITION_TOKEN), { error: `must not hold ${POSITION_TOKEN}; write {overall}` });

const schema = z
  .object({ prompts: z.array(prompt).min(1), answers: z.array(answer).min(1) })
  .refine(
    ({ answers: [first = "", ...others] }) => others.every((text) => text.includes(`{${scoreNames(first)[0]}}`)),
    {
      error: "every answer must hold the first placeholder of the first answer",
      path: ["answers"],
    },
  );

export interface RocTemplates {
  /** Questions, each with `<image>`; the first is the canonical one. */
  readonly prompts: readonly string[];
  /**
   * Answers; the first is the canonical one, and every other holds its first score too. Training uses those whose every
   * score a picture has a rating for.
   */
  readonly answers: readonly string[];
}

/** The texts of the released code: its question in training, then the one it asks in inference. */
export const DEFAULT_TEMPLATES: RocTemplates = {
  prompts: [
    "<image>\nCould you evaluate the aesthetics of this image?",
    "<image>\nPlease rate the aesthetics of the image.",
  ],
  answers: ["The aesthetic rate of the image is {overall}. "],
};

export interface RenderedAnswer {
  /** With `[SCORE]` at every placeholder: what the model is trained on and shown. */
  readonly text: string;
  /** The names of the scores in reading order. */
  readonly scoreNames: readonly string[];
}

/** An answer as the model reads it. */
export function renderAnswer(answer: string): RenderedAnswer {
  return { text: answer.replace(PLACEHOLDER, POSITION_TOKEN), scoreNames: scoreNames(answer) };
}

/** An answer as a person reads it: `scores` in reading order, rounded to `decimals`. */
export function fillAnswer(answer: string, scores: readonly number[], decimals = 2): string {
  let next = 0;
  return answer.replace(PLACEHOLDER, (name) => scores[next++]?.toFixed(decimals) ?? name);
}

/**
 * Checks templates.
 * @param file what messages call their source
 * @throws RocError CONFIG_INVALID naming the field
 */
export function parseTemplates(value: unknown, file: string): RocTemplates {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new RocError("CONFIG_INVALID", `${file}: ${issue?.path.join(".") || "the file"}: ${issue?.message}`);
}

/**
 * The templates of a checkpoint folder; undefined where it has none (the released checkpoint).
 * @throws RocError FILE_UNREADABLE, CONFIG_INVALID
 */
export async function loadTemplates(folder: string): Promise<RocTemplates | undefined> {
  const file = join(folder, TEMPLATES_FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    const message = `${file} cannot be read: ${messageOf(error)}; check its permissions`;
    throw new RocError("FILE_UNREADABLE", message, { cause: error });
  }
  return parseTemplates(parseJson(text, file), file);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `${file} is not JSON (${messageOf(error)}); copy it again from its source`;
    throw new RocError("CONFIG_INVALID", message, { cause: error });
  }
}

/**
 * Writes the templates into a checkpoint folder; a process killed meanwhile leaves the old file or the new one.
 * @throws RocError CONFIG_INVALID where they are not as this file says
 */
export async function saveTemplates(folder: string, templates: RocTemplates): Promise<void> {
  const file = join(folder, TEMPLATES_FILE);
  const { prompts, answers } = parseTemplates(templates, "templates");
  const aside = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(aside, "wx");
    try {
      await handle.writeFile(`${JSON.stringify({ prompts, answers }, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
