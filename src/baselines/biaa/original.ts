/** The authors' weights, by the names and shapes of their tensors. */
import { RocError } from "../../errors.js";
import { derivedCheckpoint, type Checkpoint } from "../../weights/index.js";
import type { Original } from "../types.js";
import { PUBLISHED } from "./config.js";
import { BIAA } from "./facts.js";

/** FLICKR-AES' ratings. */
const SCALE = { min: 1, max: 5 };

/** See `System.original`: the state of the pickled module that the authors publish. */
export function original(checkpoint: Checkpoint): Original | undefined {
  if (!checkpoint.has("resnet_layer.fc.weight") || !checkpoint.has("net.fc3.weight")) return undefined;
  const shape = (name: string): string => (checkpoint.has(name) ? checkpoint.info(name).shape.join(", ") : "missing");
  const [first, last] = [shape("net.fc1.weight"), shape("net.fc3.weight")];
  const known = [`${PUBLISHED.hidden[0]}, ${PUBLISHED.classes}`, `1, ${PUBLISHED.hidden[1]}`] as const;
  if (first !== known[0] || last !== known[1]) {
    const text = `${checkpoint.path} holds weights of BIAA whose net.fc1.weight is [${first}] and net.fc3.weight [${last}]`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}; the published ones are [${known[0]}] and [${known[1]}].`);
  }
  const names = checkpoint.names().filter((name) => !name.endsWith("num_batches_tracked"));
  return {
    config: { model_type: BIAA, scale: SCALE, ...PUBLISHED },
    what: "BIAA of FLICKR-AES",
    checkpoint: derivedCheckpoint(checkpoint, new Map(names.map((name) => [name, name]))),
  };
}
