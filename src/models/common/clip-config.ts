/** The vision towers of the configs of LLaVA's families and mPLUG-Owl2. */
import type { ActivationName } from "../../nn/index.js";
import type { VisionConfig } from "./clip-vision.js";
import { activation, checkHeads, count, imageSide, or, patchSide, positive, type InvalidConfig } from "./config-fields.js"; // prettier-ignore

/** What `config.json` says of a CLIP tower, with the defaults of transformers' CLIPVisionConfig. */
export const clipVisionFields = {
  hidden_size: or(count, 768),
  intermediate_size: or(count, 3072),
  num_hidden_layers: or(count, 12),
  num_attention_heads: or(count, 12),
  num_channels: or(count, 3),
  image_size: or(imageSide, 224),
  patch_size: or(patchSide, 32),
  hidden_act: or(activation, "quick_gelu" as const),
  layer_norm_eps: or(positive, 1e-5),
};

/** The fields that say what a CLIP or SigLIP tower is. */
interface ClipFields {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_channels: number;
  readonly image_size: number;
  readonly patch_size: number;
  readonly hidden_act: ActivationName;
  readonly layer_norm_eps: number;
}

/**
 * The tower of checked fields.
 *
 * @param part where messages say that the fields are
 * @throws RocError of `invalid` for sizes that do not fit each other
 */
export function clipVision(values: ClipFields, invalid: InvalidConfig, part = "vision_config"): VisionConfig {
  const { hidden_size, num_attention_heads, image_size, patch_size } = values;
  checkHeads(part, hidden_size, num_attention_heads, invalid);
  if (image_size < patch_size) throw invalid(`${part}: image_size ${image_size} is below patch_size`);
  return {
    hiddenSize: hidden_size,
    intermediateSize: values.intermediate_size,
    layers: values.num_hidden_layers,
    heads: num_attention_heads,
    channels: values.num_channels,
    imageSize: image_size,
    patchSize: patch_size,
    activation: values.hidden_act,
    normEps: values.layer_norm_eps,
  };
}
