/** Schemas of fields that several tokenizer files share. */
import { z } from "zod";

/** The largest int32; Python's ids are uint32. */
const MOST_ID = 2 ** 31 - 1;

export const tokenId = z.number().int().nonnegative().max(MOST_ID);

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_ID;
}

/**
 * An object as a map of its own keys: tokens may be named "constructor", which every object inherits, or "__proto__",
 * which zod's records drop.
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

/** Whether lists and objects nest at most 64 deep: their readers are recursive. */
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
