/** The post-processor of tokenizer.json: the special tokens around an encoded text. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { records, tokenId } from "./fields.js";

/** Ids to put before and after a text. */
export interface Template {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const template = z.object({
  single: z.array(
    z.union([
      z.object({ SpecialToken: z.object({ id: z.string() }) }),
      z.object({ Sequence: z.object({ id: z.string() }) }),
    ]),
  ),
  special_tokens: records(z.object({ ids: z.array(tokenId) })),
});
const sequence = z.object({ processors: z.array(z.looseObject({ type: z.string() })) });

/**
 * Reads the field `post_processor` of tokenizer.json.
 *
 * @param file path of tokenizer.json, for messages
 * @throws RocError TOKENIZER_INVALID for a post-processor that no supported model uses or that lacks a field
 */
export function readTemplate(config: { type: string } | null, file: string): Template {
  switch (config?.type) {
    case undefined:
    case "ByteLevel": // changes offsets only
      return { before: [], after: [] };
    case "Sequence": {
      const steps = check(sequence, config, file).processors.map((step) => readTemplate(step, file));
      return {
        before: steps.reduceRight<number[]>((ids, step) => [...ids, ...step.before], []),
        after: steps.flatMap((step) => step.after),
      };
    }
    case "TemplateProcessing":
      return templateIds(check(template, config, file), file);
    default: {
      const problem = `post_processor.type "${config?.type}" is not supported`;
      throw new RocError(
        "TOKENIZER_INVALID",
        `${file}: ${problem}; use TemplateProcessing, ByteLevel or a Sequence of them`,
      );
    }
  }
}

function templateIds({ single, special_tokens }: z.infer<typeof template>, file: string): Template {
  const ids: { before: number[]; after: number[] } = { before: [], after: [] };
  let side: number[] = ids.before;
  for (const item of single) {
    if ("Sequence" in item) {
      side = ids.after;
      continue;
    }
    const special = special_tokens.get(item.SpecialToken.id);
    const field = `post_processor.special_tokens.${item.SpecialToken.id}`;
    if (!special) throw new RocError("TOKENIZER_INVALID", `${file}: ${field} is missing; correct the file`);
    side.push(...special.ids);
  }
  return ids;
}

function check<T extends z.ZodType>(schema: T, config: unknown, file: string): z.infer<T> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = ["post_processor", ...(issue?.path ?? [])].map(String).join(".");
  throw new RocError("TOKENIZER_INVALID", `${file}: ${field}: ${issue?.message}; correct the file`);
}
