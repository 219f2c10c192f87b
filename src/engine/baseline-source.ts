/** Whether a checkpoint is a classical system's. Loads no libtorch. */
import { baselineSource, type BaselineSource } from "../baselines/source.js";
import type { CheckpointFolder } from "../models/places.js";

/** Where its weights are; undefined for checkpoints of multimodal models, and for what is none. */
export async function baselineOf({ home, adapter, bare }: CheckpointFolder): Promise<BaselineSource | undefined> {
  return adapter || bare ? undefined : baselineSource(home);
}
