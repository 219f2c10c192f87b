/** What our files call a CLIP tower with an aesthetic head. */

/** `model_type` of config.json. */
export const LAION = "laion";
