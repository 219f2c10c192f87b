/**
 * The texts that a checkpoint is trained and scored with. They are beside its weights in `roc_templates.json`, so that
 * training and scoring cannot disagree.
 *
 * A prompt holds `<image>` once. An answer holds a placeholder `{name}` where T_p is: `{overall}`, or the name of
 * an attribute; and where it may, `{comment}` for free text. Training draws from all of them; scoring takes the first
 * prompt and the first answer.
 */
import { join } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import { atomicWriteJson, ifThere, openFolder, type FolderLike } from "../files/index.js";
import { STRATEGY_NAMES, type StrategyName } from "./strategy-names.js";
import { POSITION_TOKEN, type Scale } from "./vocabulary.js";

export const TEMPLATES_FILE = "roc_templates.json";

const PLACEHOLDER = /\{([A-Za-z][A-Za-z0-9_]*)\}/g;

/** The placeholder of free text about the picture; every other one is a score's. */
export const COMMENT = "comment";

/** The names of an answer's scores in reading order. */
export function scoreNames(answer: string): string[] {
  return placeholders(answer).filter((name) => name !== COMMENT);
}

/** The score's own placeholder: `overall` where the first answer holds it, else the first one there; others are attributes. */
export function scoreName({ answers: [first = ""] }: { readonly answers: readonly string[] }): string {
  const names = scoreNames(first);
  return names.find((name) => name === "overall") ?? names[0] ?? "overall";
}

/** Whether a score of this name can occur in an answer. */
export function isScoreName(name: string): boolean {
  return name !== COMMENT && new RegExp(`^${PLACEHOLDER.source}$`).test(`{${name}}`);
}

function placeholders(answer: string): string[] {
  return [...answer.matchAll(PLACEHOLDER)].map((match) => match[1] as string);
}

/** The first piece of an answer that looks as a placeholder does and is none; undefined where there is none. */
export function unreadablePlaceholder(answer: string): string | undefined {
  const whole = new RegExp(`^${PLACEHOLDER.source}$`);
  // What is never closed goes on to the end of its word.
  const pieces = answer.match(/\{[^{}]*\}|\{[^\s{}]*|\}/g);
  return pieces?.find((piece) => !whole.test(piece));
}

/** Whether an answer holds a comment. */
export function hasComment(answer: string): boolean {
  return placeholders(answer).includes(COMMENT);
}

/** Whether scores come after the comment: they cannot be read before it is written. */
export function commentComesFirst(answer: string): boolean {
  const at = placeholders(answer).indexOf(COMMENT);
  return at >= 0 && at < scoreNames(answer).length;
}

/** An answer with the comment in place; placeholders in the comment itself are no placeholders. */
export function fillComment(answer: string, comment: string): string {
  return answer.replace(`{${COMMENT}}`, () => comment.replace(/[{}]/g, ""));
}

/** What comes between the comment and the next placeholder: its first words tell where a comment ends. */
export function textAfterComment(answer: string): string {
  const [, rest = ""] = answer.split(`{${COMMENT}}`);
  return rest.split(/\{[A-Za-z]/)[0] ?? "";
}

/** Characters of a question or an answer; real ones have some hundred, and each is computed with every picture. */
const MOST_TEXT = 10_000;

const text = z.string().max(MOST_TEXT, {
  error: ({ input }) => `Too big: ${(input as string).length} characters, where ${MOST_TEXT} are the most`,
  abort: true,
});

/** A question about one picture. */
export const promptSchema = text.refine((text) => text.split("<image>").length === 2, {
  error: "must hold <image> exactly once",
});
/** An answer with a placeholder per score. */
export const answerSchema = text
  .refine((text) => scoreNames(text).length > 0, { error: "must hold a placeholder such as {overall}" })
  .refine((text) => new Set(scoreNames(text)).size === scoreNames(text).length, { error: "names a score twice" })
  .refine((text) => text.split(`{${COMMENT}}`).length <= 2, { error: `holds {${COMMENT}} twice` })
  .refine((text) => !text.includes(POSITION_TOKEN), { error: `must not hold ${POSITION_TOKEN}; write {overall}` });

/** Q-Align's words, worst first. */
export const LEVELS: readonly string[] = ["bad", "poor", "fair", "good", "excellent"];

const scale = z
  .object({ min: z.number().describe("Lowest score"), max: z.number().describe("Highest score") })
  .refine(({ min, max }) => min < max, { error: "min must be below max" });

/** The keys of templates; docs/data.md is made of it. */
export const templatesSchema = z
  .object({
    prompts: z.array(promptSchema).min(1).describe("Questions, each with `<image>` once; scoring asks the first"),
    answers: z
      .array(answerSchema)
      .min(1)
      .describe(
        "Answers with placeholders; every one holds the score's: `overall` where the first answer has it, else the first there",
      ),
    strategy: z.enum(STRATEGY_NAMES).optional().describe("How scores are written and read; without it `roc`"),
    scale: scale.optional().describe("Of the scores, where no score tokens say it (`level`, `direct`)"),
    levels: z.array(z.string().min(1)).min(2).optional().describe("Words of `level`, worst first"),
    ratingScale: scale
      .optional()
      .describe("Of the ratings that it was trained on, where that is another; results are given on it"),
  })
  .refine((templates) => templates.answers.every((text) => scoreNames(text).includes(scoreName(templates))), {
    error: "every answer must hold the first placeholder of the first answer, or {overall} where that holds it",
    path: ["answers"],
  });

/**
 * The texts that a checkpoint is trained and scored with: the content of `roc_templates.json`.
 *
 * A prompt holds `<image>` once. An answer holds a placeholder `{name}` per score (`{overall}`, or the name of an
 * attribute), and where it may, `{comment}` for free text.
 *
 * @category The method
 */
export interface RocTemplates {
  /** Questions, each with `<image>`; the first is the canonical one. */
  readonly prompts: readonly string[];
  /**
   * Answers; the first is the canonical one. Every other holds its score too: `{overall}`, or without such a placeholder
   * the first one. Training uses those whose every score a picture has a rating for.
   */
  readonly answers: readonly string[];
  /** What the checkpoint was trained by; default `roc`. */
  readonly strategy?: StrategyName | undefined;
  /** Of the scores, where no score tokens say it (`level`, `direct`). */
  readonly scale?: Scale | undefined;
  /** Words of `level`, worst first, 2 or more; default: bad, poor, fair, good, excellent (Q-Align's). */
  readonly levels?: readonly string[] | undefined;
  /** Of the ratings that it was trained on, where that is not the scores' own; results are given on it. */
  readonly ratingScale?: Scale | undefined;
}

/**
 * The texts of the released code: its question in training, then the one it asks in inference.
 *
 * @category The method
 */
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
  return {
    text: fillSlots(answer, new Array<string>(scoreNames(answer).length).fill(POSITION_TOKEN)),
    scoreNames: scoreNames(answer),
  };
}

/** An answer as a person reads it: `scores` in reading order, rounded to `decimals`. */
export function fillAnswer(answer: string, scores: readonly number[], decimals = 2): string {
  return fillSlots(
    answer,
    scores.map((score) => score.toFixed(decimals)),
  );
}

/** An answer with `texts` in the places of its scores, in reading order. */
export function fillSlots(answer: string, texts: readonly string[]): string {
  let next = 0;
  return answer.replace(PLACEHOLDER, (name) => (name === `{${COMMENT}}` ? name : (texts[next++] ?? name)));
}

/**
 * What matches a text that begins as the answer does; each placeholder is `slot`. White space may differ.
 */
export function answerPattern(answer: string, slot: string): RegExp {
  // Literal texts and names of placeholders in turn. What comes after the last score may be cut off.
  const parts = answer.trim().split(PLACEHOLDER).slice(0, -1);
  while (parts.at(-1) === COMMENT) parts.splice(-2);
  const patterns = parts.map((part, index) => {
    if (index % 2 === 1) return part === COMMENT ? String.raw`[\s\S]*?` : slot;
    return part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replace(/\s+/g, String.raw`\s+`);
  });
  return new RegExp(`^${patterns.join("")}`);
}

/**
 * Checks templates.
 * @param file what messages call their source
 * @throws RocError CONFIG_INVALID naming the field
 */
export function parseTemplates(value: unknown, file: string): RocTemplates {
  const result = templatesSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new RocError(
    "CONFIG_INVALID",
    `${file}: ${issue?.path.join(".") || "the file"}: ${issue?.message.replace(/\.$/, "")}. Correct it.`,
  );
}

/**
 * The templates of a checkpoint folder; undefined where it has none (the released checkpoint).
 *
 * @throws RocError FILE_UNREADABLE; CONFIG_INVALID naming the field that makes no sense
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, loadTemplates } from "roc4mllm";
 *
 * const templates = await loadTemplates(DEMO_MODEL);
 * console.log(templates?.answers[0]?.includes("{overall}")); // true
 * ```
 *
 * @category The method
 */
export async function loadTemplates(folder: FolderLike): Promise<RocTemplates | undefined> {
  const files = openFolder(folder);
  const value = await ifThere(files.json(TEMPLATES_FILE));
  return value === undefined ? undefined : parseTemplates(value, files.file(TEMPLATES_FILE));
}

/**
 * Writes the templates into a checkpoint folder; a process killed meanwhile leaves the old file or the new one.
 * @throws RocError CONFIG_INVALID where they are not as this file says
 */
export async function saveTemplates(folder: string, templates: RocTemplates): Promise<void> {
  const file = join(folder, TEMPLATES_FILE);
  const checked = parseTemplates(templates, "templates");
  await atomicWriteJson(file, checked);
}

/** What the strategy `set` asks of answers. @throws RocError CONFIG_INVALID for one with more than the score */
export function checkSetAnswers(answers: readonly string[]): void {
  const wrong = answers.find((answer) => scoreNames(answer).length !== 1 || answer.includes(`{${COMMENT}}`));
  if (wrong === undefined) return;
  const what = `The answer ${JSON.stringify(wrong)} holds more than the score`;
  throw new RocError("CONFIG_INVALID", `${what}; strategy set has one score a picture: take {overall} alone.`);
}
