/** What the tests of CLIP with LAION's heads share. */
import { readFile } from "node:fs/promises";
import { laion } from "../../../src/baselines/clip/index.js";
import { withHead } from "../../../src/baselines/clip/original.js";
import type { Baseline, Original } from "../../../src/baselines/types.js";
import { openBin, openCheckpoint, openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";

export const HERE = "baselines/clip";
export const CLIP = fixture(`${HERE}/clip`);

/** The parsed config.json of a fixture's folder. */
export async function configOf(folder: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(`${folder}/config.json`, "utf8")) as Record<string, unknown>;
}

/** What transformers computed (test/fixtures/baselines/clip/make.py). */
export function openExpected(): Promise<Checkpoint> {
  return openSafetensors(fixture(`${HERE}/expected.safetensors`));
}

export function openHead(name: string): Promise<Checkpoint> {
  return openBin(fixture(`${HERE}/${name}.pth`));
}

/** The tower of the fixtures with one of their heads. */
export async function towerWith(name: string, changed: Record<string, unknown> = {}): Promise<Original> {
  return withHead(await openCheckpoint(CLIP), { ...(await configOf(CLIP)), ...changed }, await openHead(name));
}

export function loaded({ config, checkpoint }: Original): Baseline {
  try {
    return laion.load(config, checkpoint, {}, "config.json");
  } finally {
    checkpoint.dispose();
  }
}
