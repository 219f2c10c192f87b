/** What MUSIQ is known by, and how it prepares a picture, without libtorch. */
import { uprightPicture } from "../common/upright.js";
import type { SystemFacts } from "../types.js";

/** `model_type` of our files. */
export const MUSIQ = "musiq";

/**
 * "original": the authors' code (google-research/musiq), the published method; "pyiqa": its port to PyTorch, which resizes and
 * standardises in another way, and has another GELU.
 */
export const FORMS = ["original", "pyiqa"] as const;
export type Form = (typeof FORMS)[number];

export const musiqFacts: SystemFacts = {
  name: MUSIQ,
  title: "MUSIQ",
  variants: FORMS,
  // One of the scales is native.
  prepareBy: () => Promise.resolve(uprightPicture),
};
