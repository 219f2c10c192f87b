/** What the Qwen3-VL parity tests share. */
import { loadQwen3Vl, type Qwen3VlModel } from "../../../src/models/qwen3vl/index.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";

/** Config as transformers 5 writes it, biases in the attention; and the config of the public files. */
export const CHECKPOINTS = ["tied", "untied"] as const;
export type CheckpointName = (typeof CHECKPOINTS)[number];

export function folderOf(name: CheckpointName): string {
  return fixture(`qwen3vl/${name}`);
}

export function loadTiny(name: CheckpointName): Promise<Qwen3VlModel> {
  return loadQwen3Vl(folderOf(name));
}

/** What transformers computed (test/fixtures/qwen3vl/make.py). */
export function openExpected(name: CheckpointName): Promise<Checkpoint> {
  return openSafetensors(fixture(`qwen3vl/${name}.safetensors`));
}
