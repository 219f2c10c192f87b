/** `--queue` of commands that have workers score. */
import { RocError } from "../../errors.js";
import { parseAddress } from "../../queue/address.js";
import type { QueuedModel, QueueOptions } from "../../queue/client.js";
import type { Context } from "./io.js";
import type { IntervalFlags, ModelFlags } from "./model-options.js";

/** Options about a model that is loaded here, by their names on the command line: with a queue they are the workers'. */
const WORKERS_OWN = {
  resize: "--resize",
  visionTower: "--vision-tower",
  base: "--base",
  head: "--head",
  device: "--device",
  dtype: "--dtype",
  quantize: "--quantize",
  threads: "--threads",
  batch: "--batch",
  scale: "--scale",
  scorer: "--scorer",
  aspect: "--aspect",
  promptSource: "--prompt-source",
  text: "--text",
  sample: "--sample",
  calibration: "--calibration",
  interval: "--interval",
  level: "--level",
} as const satisfies Partial<Record<keyof (ModelFlags & IntervalFlags), string>>;

interface Flags extends ModelFlags, IntervalFlags {
  readonly model?: string;
}

/** The workers' model at an address. @throws RocError USAGE for what only a worker can be told; as `openQueue()` */
export async function openQueued(
  flags: Flags,
  url: string,
  { io }: Context,
  options: Omit<QueueOptions, "address" | "model">,
): Promise<QueuedModel> {
  const given = Object.entries(WORKERS_OWN).find(([name]) => flags[name as keyof typeof WORKERS_OWN] !== undefined);
  if (given) throw new RocError("USAGE", `${given[1]} is about how a checkpoint computes, which workers do. Give it to roc4mllm worker.`); // prettier-ignore
  const address = parseAddress(url, io.env);
  const { openQueue } = await import("../../queue/client.js");
  return openQueue({ ...options, address, model: flags.model });
}
