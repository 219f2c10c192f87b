/** `--head`: from a name or a file to the file of a published head that stands on a CLIP tower. */
import { basename, join } from "node:path";
import { z } from "zod";
import { headFor } from "../../baselines/clip/heads.js";
import { LAION } from "../../baselines/clip/names.js";
import { isRocError, RocError } from "../../errors.js";
import { systemFactsOfType } from "../../baselines/facts.js";
import { exists, ifThere } from "../../files/index.js";
import type { CheckpointFolder } from "../../models/places.js";
import { downloadProgress } from "./download-progress.js";
import type { Context } from "./io.js";

const towerSchema = z.looseObject({
  hidden_size: z.number().default(768),
  patch_size: z.number().default(32),
  image_size: z.number().default(224),
});
const configSchema = z.looseObject({ model_type: z.unknown().optional(), vision_config: z.looseObject({}).nullish() });

/**
 * The file of a head: itself where there is such a file, else that of a published one for this tower, fetched from the hub.
 *
 * @param checkpoint the tower's
 * @throws RocError USAGE for a name that is none, or not of this tower, naming those that are; NETWORK, FILE_NOT_FOUND with where
 *   to download it by hand
 */
export async function findHead(given: string, checkpoint: CheckpointFolder, { io, signal }: Context): Promise<string> {
  if (await exists(given)) return given;
  const { home } = checkpoint;
  const config = configSchema.parse((await ifThere(home.json("config.json"))) ?? {});
  if (systemFactsOfType(config.model_type)?.name !== LAION)
    throw new RocError("USAGE", `${home.path} is no folder of a CLIP tower, so that --head (head) has nothing to stand on. Name one: --model openai/clip-vit-large-patch14`); // prettier-ignore
  const tower = towerSchema.parse(config.vision_config ?? config);
  const { hidden_size: hiddenSize, patch_size: patchSize, image_size: imageSize } = tower;
  const head = headFor(given, { hiddenSize, patchSize, imageSize });
  const byHand = `Download ${head.url} (${head.licence}) and give it: --head ${basename(head.file)}`;
  if (head.repo === undefined)
    throw new RocError("FILE_NOT_FOUND", `No repository on the hub is known that has ${given} for ${head.tower} alone. ${byHand}`); // prettier-ignore
  const { downloadModel } = await import("../../hub/index.js");
  const progress = downloadProgress(io.stderr, `MB of ${head.file}`);
  const { onProgress, onWait } = progress;
  try {
    // "+" is a letter of these names, and may be more in a pattern.
    const include = [head.file.replaceAll("+", "?")];
    const { folder } = await downloadModel(head.repo, { signal, include, onProgress, onWait });
    return join(folder, head.file);
  } catch (error) {
    if (!isRocError(error) || error.code === "ABORTED") throw error;
    throw new RocError(error.code, `${error.message} ${byHand}`, { cause: error });
  } finally {
    progress.stop();
  }
}
