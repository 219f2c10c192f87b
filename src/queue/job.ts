/** What a job is: whom it is for, which picture, what is asked; its names in Redis; its result as text. */
import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { calibratedSettings } from "../engine/calibration.js";
import type { Model, Outcome, ScoreOptions } from "../engine/types.js";
import { deciding, scoreSettings } from "../engine/score-settings.js";
import type { WrittenText } from "../roc/question.js";
import { ERROR_CODES, type ErrorCode } from "../errors.js";
import { packageVersion } from "../version.js";

/** All of our keys begin so, those of BullMQ too. */
export const PREFIX = "roc4mllm";

/** What travels of {@link ScoreOptions}. */
export type Asked = Pick<ScoreOptions, "maxPixels" | "allowDamaged" | "comments" | "embedding" | "questions"> & {
  /** Whether the perceptual hash is asked for. */
  readonly look?: boolean;
  /** Whether what the model writes is asked for with its numbers of tokens. */
  readonly told?: boolean;
};

const questionSchema = z.looseObject({});

/** A job's data. */
export const jobSchema = z.strictObject({
  /** Whose score is asked for: {@link identityOf}. */
  identity: z.string(),
  /** SHA-256 of the file. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where workers find the file, byte by byte as latin1; absent: its bytes are in Redis. */
  path: z.string().optional(),
  asked: z.strictObject({
    maxPixels: z.number().positive().optional(),
    allowDamaged: z.boolean().optional(),
    comments: z.boolean().optional(),
    embedding: z.boolean().optional(),
    questions: z.array(questionSchema).optional(),
    look: z.boolean().optional(),
    told: z.boolean().optional(),
  }),
});

export type JobData = z.infer<typeof jobSchema>;

/**
 * Which scores are the same whoever computes them: of one checkpoint, template, scale, preprocessing, dtype and calibration, by
 * one version of this program. Each has a queue of its own, so that no worker can take a job of another.
 */
export function identityOf(model: Model): string {
  const { digest = null, name, scale, calibration = null } = model;
  const settings = deciding(scoreSettings(model));
  const parts = [
    packageVersion(),
    digest ?? name,
    settings,
    scale,
    calibration && [calibration, calibratedSettings(model)],
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/** Whether an answer is another one every time. */
export function isDrawn({ questions = [] }: Asked): boolean {
  return questions.some(({ temperature = 0, seed }) => temperature > 0 && seed === undefined);
}

/** The name of a result: of one picture's content, one identity, one question. What is drawn without a seed has none twice. */
export function keyOf(identity: string, digest: string, asked: Asked): string {
  const entries = Object.entries(asked).filter(([, value]) => value !== undefined && value !== false);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [identity, digest, sorted, ...(isDrawn(asked) ? [randomUUID()] : [])];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Names in Redis. */
export const NAMES = {
  /** What workers have offered, by identity. */
  checkpoints: `${PREFIX}:checkpoints`,
  /** Bytes of a job's picture. */
  picture: (identity: string, key: string) => `${PREFIX}:picture:${identity}:${key}`,
  result: (identity: string, key: string) => `${PREFIX}:result:${identity}:${key}`,
  /** Workers by when they were last alive, in milliseconds. */
  workers: (identity: string) => `${PREFIX}:workers:${identity}`,
  /** Where keys are told whose results are there. */
  done: (identity: string) => `${PREFIX}:done:${identity}`,
} as const;

/** What a picture is called by a worker, for the caller's name to be put in its place. */
export function standIn(key: string): string {
  return `picture-${key.slice(0, 24)}`;
}

const resultSchema = z.looseObject({
  outcome: z.looseObject({}),
  embedding: z.string().nullable().optional(),
  hash: z.string().optional(),
  written: z.array(z.looseObject({})).optional(),
});

/** What comes with an outcome. */
export interface Beside {
  /** The perceptual hash. */
  readonly hash?: bigint | undefined;
  /** What the model wrote, a text a question. */
  readonly written?: readonly WrittenText[] | undefined;
}

/** A result as it is kept. */
export function packResult(outcome: Outcome, { hash, written }: Beside): string {
  if ("error" in outcome) return JSON.stringify({ outcome });
  const { embedding, ...plain } = outcome;
  const bytes = embedding && Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return JSON.stringify({
    outcome: plain,
    ...(embedding !== undefined && { embedding: bytes ? bytes.toString("base64") : null }),
    ...(hash !== undefined && { hash: hash.toString() }),
    ...(written && { written }),
  });
}

/** @param file the caller's name of the picture */
export function unpackResult(text: string, key: string, file: string): Beside & { readonly outcome: Outcome } {
  const { outcome, embedding, hash, written } = resultSchema.parse(JSON.parse(text));
  const named = { ...outcome, file } as unknown as Outcome;
  if ("error" in named) {
    const { code, message } = named.error;
    return { outcome: { file, error: { code: codeOf(code), message: message.replaceAll(standIn(key), file) } } };
  }
  const vector = embedding === undefined ? {} : { embedding: embedding === null ? null : floats(embedding) };
  return {
    outcome: { ...named, ...vector },
    hash: hash === undefined ? undefined : BigInt(hash),
    written: written as WrittenText[] | undefined,
  };
}

function codeOf(code: string): ErrorCode {
  return Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : "INTERNAL";
}

function floats(base64: string): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, "base64")).buffer);
}
