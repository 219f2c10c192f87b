/** Checkpoint folders of which only the config is looked at: what a model of that size comes to, before anything is fetched. */
import { OpenFolder } from "../files/index.js";
import type { Checkpoint } from "./checkpoint.js";

/** A folder whose weights are taken as absent; families load an outline of it, whatever their names and shapes. */
export class ConfigFolder extends OpenFolder {}

/** The folder by its small files alone. */
export async function configFolder(folder: OpenFolder): Promise<ConfigFolder> {
  return new ConfigFolder(folder.path, await folder.kept());
}

const HEAD = "lm_head.weight";

function saysTied(fields: unknown): boolean {
  return (fields as { tie_word_embeddings?: unknown } | null | undefined)?.tie_word_embeddings === true;
}

/**
 * Weights that are not there: nothing but a head, where the config does not say that it is the embedding, since families take
 * a file without one for tied.
 */
export async function absentCheckpoint(folder: ConfigFolder): Promise<Checkpoint> {
  const config = (await folder.json("config.json")) as Readonly<Record<string, unknown>> | null;
  const tied = [config, config?.["text_config"], config?.["llm_config"]].some(saysTied);
  const none = (): never => {
    throw new Error(`${folder.path}: its weights are not read`);
  };
  return {
    path: folder.path,
    metadata: {},
    absent: { tied },
    names: () => (tied ? [] : [HEAD]),
    has: (name) => !tied && name === HEAD,
    info: () => ({ dtype: "float32", shape: [], file: folder.path }),
    tensor: none,
    drop: none,
    dispose: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}
