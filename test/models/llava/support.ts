/** What the LLaVA parity tests share. */
import { loadLlava, type LlavaModel } from "../../../src/models/llava/index.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";

export const TINY = fixture("llava/tiny");

export function loadTiny(): Promise<LlavaModel> {
  return loadLlava(TINY);
}

/** What transformers computed (test/fixtures/llava/make.py). */
export function openExpected(): Promise<Checkpoint> {
  return openSafetensors(fixture("llava/expected.safetensors"));
}
