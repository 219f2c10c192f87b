/** What the Qwen3.5 parity tests share. */
import { loadQwen35, type Qwen35Model } from "../../../src/models/qwen35/index.js";
import type { FamilyLoadOptions } from "../../../src/models/types.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";

/** Tied, config as transformers 5 writes it, a DeltaNet last; and untied, the config of the public files without layer_types. */
export const CHECKPOINTS = ["tied", "untied"] as const;
export type CheckpointName = (typeof CHECKPOINTS)[number];

export function folderOf(name: CheckpointName): string {
  return fixture(`qwen35/${name}`);
}

export function loadTiny(name: CheckpointName, options?: FamilyLoadOptions): Promise<Qwen35Model> {
  return loadQwen35(folderOf(name), options);
}

/** What transformers computed (test/fixtures/qwen35/make.py). */
export function openExpected(name: CheckpointName): Promise<Checkpoint> {
  return openSafetensors(fixture(`qwen35/${name}.safetensors`));
}
