/** Loading of classical systems: from a folder of ours, or from one file as their authors publish it. */
import { createHash } from "node:crypto";
import { loadOpened, openBaseline } from "../baselines/registry.js";
import type { BaselineSource } from "../baselines/source.js";
import { RocError } from "../errors.js";
import { digestFile } from "../files/index.js";
import type { CheckpointFolder } from "../models/places.js";
import { checkDevice, type DType } from "../torch/index.js";
import { checkRoom } from "../weights/index.js";
import { BaselineEstimator } from "./baseline-estimator.js";
import { checkAborted } from "./failures.js";
import type { LoadedEstimator } from "./here.js";
import { checkpointName, digestModel } from "./identity.js";
import type { LoadOptions } from "./load.js";

/** @throws RocError as `load()`; USAGE for options that mean nothing to a classical system */
export async function loadBaselineEstimator(
  folder: CheckpointFolder,
  source: BaselineSource,
  options: LoadOptions,
): Promise<LoadedEstimator> {
  const { signal, device = "cpu", threads, scale, batchSize, onNote, head } = options;
  checkDevice(device);
  const opened = await openBaseline(source, head);
  try {
    refuseTextOptions(opened.system.title, options);
    const dtype = dtypeOf(options);
    checkRoom(opened.checkpoint, opened.checkpoint.names(), { dtype, device });
    const path = source.file ?? source.folder?.path ?? folder.home.path;
    const digest = await digestWith(folder, head, signal).catch((error: unknown) => {
      checkAborted(signal, folder.path);
      throw error;
    });
    checkAborted(signal, folder.path);
    if (opened.what !== opened.system.title) onNote?.(`${path} is read as ${opened.what}`);
    const estimator = new BaselineEstimator(loadOpened(opened, { dtype, device }), scale);
    const name = checkpointName(path, digest);
    return { estimator, name, options: { digest, folder: path, threads, batchSize, onNote } };
  } finally {
    opened.checkpoint.dispose();
  }
}

/** Of a tower's files and its head's, which make one model. */
async function digestWith(folder: CheckpointFolder, head: string | undefined, signal?: AbortSignal): Promise<string> {
  const tower = await digestModel(folder, { signal });
  return head === undefined
    ? tower
    : createHash("sha256")
        .update(`${tower} ${await digestFile(head, signal)}`)
        .digest("hex");
}

/** Files of 16 bits are computed in float32 on a CPU. */
function dtypeOf({ dtype = "auto", device = "cpu" }: LoadOptions): DType | undefined {
  if (dtype !== "auto") return dtype;
  return device === "cpu" ? "float32" : undefined;
}

/** Options of multimodal models, by the flag that gives them. */
const FOREIGN = {
  quantize: "--quantize",
  visionTower: "--vision-tower",
  resize: "--resize",
  base: "--base",
  scorer: "--scorer",
  aspect: "--aspect",
  promptSource: "--prompt-source",
  text: "--text",
  sample: "--sample",
} as const satisfies Partial<Record<keyof LoadOptions, string>>;

function refuseTextOptions(title: string, options: LoadOptions): void {
  const given = Object.entries(FOREIGN).find(([key]) => options[key as keyof typeof FOREIGN] !== undefined);
  const flag = options.pack === true ? ["pack", "--pack on"] : given;
  if (!flag) return;
  const text = `${flag[1]} (${flag[0]}) means nothing to ${title}, which looks at pictures alone`;
  throw new RocError("USAGE", `${text}. Leave it out.`);
}
