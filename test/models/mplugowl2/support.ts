/** What the mPLUG-Owl2 parity tests share. */
import { loadMplugOwl2, type MplugOwl2Model } from "../../../src/models/mplugowl2/index.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";

/** Float16 shards as the public ones, with tables of places in bfloat16. */
export const TINY = fixture("mplugowl2/tiny");

/** Rows that an image takes in it: three queries and the closing one. */
export const ROWS = 4;

export function loadTiny(): Promise<MplugOwl2Model> {
  return loadMplugOwl2(TINY);
}

/** What the plain model of test/fixtures/mplugowl2/make.py computed. */
export function openExpected(): Promise<Checkpoint> {
  return openSafetensors(fixture("mplugowl2/expected.safetensors"));
}

export function isTable(name: string): boolean {
  return /\.[qk]_pos_embed$/.test(name);
}
