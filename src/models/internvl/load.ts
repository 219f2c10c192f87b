/** Reads InternVL checkpoints, in transformers' layout and in the original code's. */
import { z } from "zod";
import { checkJson, ifThere, openFolder, type FolderLike, type OpenFolder } from "../../files/index.js";
import { openCheckpoint, strictSource, type Checkpoint } from "../../weights/index.js";
import { strictModel } from "../common/strict-model.js";
import { tokenId } from "../common/config-fields.js";
import { isTied } from "../common/tied.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseInternVlConfig } from "./config.js";
import { CONTEXT_TOKEN } from "./conversation.js";
import { InternVlModel } from "./model.js";
import { EMBEDDING, HEAD, internVlName } from "./names.js";

/**
 * Loads a folder with `config.json` and weights, safetensors or .bin. A head in the file is used whatever the config says;
 * where there is none, it is the embedding.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH; TOKENIZER_INVALID
 *   where a file gives the token of a picture's rows no id
 */
export async function loadInternVl(folder: FolderLike, options: FamilyLoadOptions = {}): Promise<InternVlModel> {
  const files = openFolder(folder);
  const config = await withContextToken(files, await files.json("config.json"));
  using checkpoint = await openCheckpoint(files);
  const { outline, quantize, device = "cpu", dtype = device === "cpu" ? "float32" : undefined } = options;
  const stored = storedNames(checkpoint);
  const embedding = stored.get(EMBEDDING);
  const rows = embedding === undefined ? undefined : checkpoint.info(embedding).shape[0];
  const parsed = parseInternVlConfig(config, files.file("config.json"), rows);
  const matrices = { embedding: EMBEDDING, head: HEAD };
  // The original code never ties: a head that is there stays, though it be the same.
  const said = parsed.layout === "hf" && parsed.text.tied;
  const tied = isTied(said, checkpoint, matrices, internVlName);
  const ignore = (name: string): boolean => tied && name === HEAD;
  const source = strictSource(checkpoint, { rename: internVlName, ignore, dtype, device, outline, quantize });
  return strictModel(source, () => new InternVlModel({ ...parsed, text: { ...parsed.text, tied } }, source));
}

function storedNames(checkpoint: Checkpoint): Map<string, string> {
  return new Map(checkpoint.names().map((stored) => [internVlName(stored), stored]));
}

const token = z.looseObject({ content: z.string() });
const addedTokens = z.record(z.string(), z.unknown());
const contextToken = z.object({ [CONTEXT_TOKEN]: tokenId });
const decoderFile = z.looseObject({ added_tokens_decoder: z.record(z.string(), token) });
const tokenizerFile = z.looseObject({ added_tokens: z.array(token.extend({ id: z.unknown() })) });

/**
 * The original layout's config does not say which token stands for a row of a picture: it is in the tokenizer's files, of
 * which the small ones are looked at first.
 */
async function withContextToken(files: OpenFolder, config: unknown): Promise<unknown> {
  if ((config as { model_type?: unknown }).model_type !== "internvl_chat") return config;
  const id = (await contextTokenIn(files)) ?? undefined;
  return id === undefined ? config : { ...(config as object), img_context_token_id: id };
}

async function contextTokenIn(files: OpenFolder): Promise<number | undefined> {
  const idOf = (file: string, id: unknown): number => {
    const options = { invalid: "TOKENIZER_INVALID", remedy: "Correct it, or fetch the file again." } as const;
    return checkJson({ [CONTEXT_TOKEN]: id }, contextToken, files.file(file), options)[CONTEXT_TOKEN];
  };
  const added = addedTokens.safeParse(await ifThere(files.json("added_tokens.json"))).data?.[CONTEXT_TOKEN];
  if (added !== undefined) return idOf("added_tokens.json", added);
  const decoder = decoderFile.safeParse(await ifThere(files.json("tokenizer_config.json"))).data?.added_tokens_decoder;
  const entry = Object.entries(decoder ?? {}).find(([, { content }]) => content === CONTEXT_TOKEN);
  if (entry) return idOf("tokenizer_config.json", Number(entry[0]));
  const whole = tokenizerFile.safeParse(await ifThere(files.json("tokenizer.json"))).data;
  const found = whole?.added_tokens.find(({ content }) => content === CONTEXT_TOKEN);
  return found && idOf("tokenizer.json", found.id);
}
