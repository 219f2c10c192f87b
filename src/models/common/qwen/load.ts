/** Reads checkpoints of Qwen's families, tied and untied, in whatever layout `rename` knows. */
import { openFolder, type FolderLike } from "../../../files/index.js";
import type { DecoderConfig, ParamSource } from "../../../nn/index.js";
import { openCheckpoint, strictSource } from "../../../weights/index.js";
import type { FamilyLoadOptions } from "../../types.js";
import { strictModel } from "../strict-model.js";
import { isTied, withTie, type Matrices } from "../tied.js";

/** How a family's files become its model. */
export interface LoadKind<Config, Model> {
  /** The model's names of the embedding and the head. */
  readonly matrices: Matrices;
  /** The model's name of a stored tensor. */
  readonly rename: (name: string) => string;
  /** Names, the model's, of what some writers keep and the model computes or leaves out. */
  readonly computed: RegExp;
  readonly parse: (config: unknown, file: string, vocabSize: number | undefined) => Config;
  readonly make: (config: Config, source: ParamSource) => Model;
}

/**
 * Loads a folder with `config.json` and weights, safetensors or .bin. A head in the file counts, whatever the config says;
 * without one it is the embedding. A head stored beside tied embeddings is passed over where it is the same.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function loadQwen<
  Config extends { readonly raw: Record<string, unknown>; readonly text: Pick<DecoderConfig, "tied"> },
  Model extends { dispose(): void },
>(
  folder: FolderLike,
  options: FamilyLoadOptions,
  { matrices, rename, computed, parse, make }: LoadKind<Config, Model>,
): Promise<Model> {
  const files = openFolder(folder);
  const config = await files.json("config.json");
  using checkpoint = await openCheckpoint(files);
  const { outline, quantize, device = "cpu", dtype = device === "cpu" ? "float32" : undefined } = options;
  // The matrices have more rows than the tokenizer has tokens, and not as many in every size.
  const stored = new Map(checkpoint.names().map((name) => [rename(name), name]));
  const embedding = stored.get(matrices.embedding);
  const rows = embedding === undefined ? undefined : checkpoint.info(embedding).shape[0];
  const parsed = parse(config, files.file("config.json"), rows);
  const tied = isTied(parsed.text.tied, checkpoint, matrices, rename);
  const ignore = (name: string): boolean => computed.test(name) || (tied && name === matrices.head);
  const source = strictSource(checkpoint, { rename, ignore, dtype, device, outline, quantize });
  const raw = withTie(parsed.raw, tied);
  return strictModel(source, () => make({ ...parsed, raw, text: { ...parsed.text, tied } }, source));
}
