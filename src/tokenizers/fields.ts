/** Fields that several of a tokenizer's files have. */
import { z } from "zod";

/** The highest id that an int32 holds; Python's are unsigned ones of as many bits. */
const MOST_ID = 2 ** 31 - 1;

export const tokenId = z.number().int().nonnegative().max(MOST_ID);

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_ID;
}

/**
 * An object as a map of its own keys: tokens may be called "constructor", which every object has, and "__proto__", which
 * zod's records leave out.
 */
export function records<T extends z.ZodType>(value: T) {
  const object = z.custom<Readonly<Record<string, unknown>>>(isObject, "must be an object");
  return object.transform((own, context): ReadonlyMap<string, z.infer<T>> => {
    const entries = Object.entries(own).map(([key, item]) => [key, value.safeParse(item)] as const);
    for (const [key, { error }] of entries) {
      const [issue] = error?.issues ?? [];
      if (issue) context.addIssue({ code: "custom", message: issue.message, path: [key, ...issue.path] });
    }
    return new Map(entries.map(([key, { data }]) => [key, data as z.infer<T>]));
  });
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether lists and objects nest at most 64 deep: what reads them calls itself. */
export function isShallow(value: unknown): boolean {
  const within = (one: unknown): unknown[] =>
    typeof one === "object" && one !== null ? Object.values(one as Record<string, unknown>) : [];
  let level = [value];
  for (let depth = 0; depth <= 64; depth++) {
    level = level.flatMap(within);
    if (level.length === 0) return true;
  }
  return false;
}
