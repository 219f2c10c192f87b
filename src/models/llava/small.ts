/** Small LLaVAs made from nothing. */
import { createImageProcessor } from "../../image/index.js";
import type { SmallModels, SmallSizes } from "../types.js";
import { createLlava } from "./model.js";
import { createLlavaProcessor } from "./processor.js";

export const smallLlava: SmallModels = {
  specialTokens: [],
  create(sizes, tokenizer, source) {
    const [image = 0, padding = 0] = ["<image>", "<pad>"].map((token) => tokenizer.tokenToId(token));
    const config = llavaConfig(sizes, tokenizer.size, image, padding);
    const imageProcessor = createImageProcessor(preprocessorConfig(sizes));
    const model = createLlava(config, source);
    return { model, processor: createLlavaProcessor({ config, tokenizer, imageProcessor }) };
  },
};

/** A `config.json` of LLaVA's architecture; all vision layers are used, CLIP's head-less patches only. */
export function llavaConfig(
  sizes: SmallSizes,
  vocabulary: number,
  imageToken: number,
  padToken: number,
): Record<string, unknown> {
  const patches = Math.floor(sizes.imageSize / sizes.patch) ** 2;
  return {
    architectures: ["LlavaForConditionalGeneration"],
    model_type: "llava",
    ignore_index: -100,
    image_token_index: imageToken,
    image_seq_length: patches,
    pad_token_id: padToken,
    projector_hidden_act: "gelu",
    tie_word_embeddings: false,
    torch_dtype: "float32",
    vision_feature_layer: -1,
    vision_feature_select_strategy: "default",
    text_config: {
      model_type: "llama",
      hidden_size: sizes.textWidth,
      intermediate_size: Math.ceil((sizes.textWidth * 8) / 3 / 16) * 16,
      num_hidden_layers: sizes.textLayers,
      num_attention_heads: sizes.textHeads,
      num_key_value_heads: sizes.textHeads,
      max_position_embeddings: patches + 448,
      rms_norm_eps: 1e-5,
      vocab_size: vocabulary,
    },
    vision_config: {
      model_type: "clip_vision_model",
      hidden_size: sizes.visionWidth,
      intermediate_size: sizes.visionWidth * 4,
      num_hidden_layers: sizes.visionLayers,
      num_attention_heads: sizes.visionHeads,
      image_size: sizes.imageSize,
      patch_size: sizes.patch,
      projection_dim: sizes.visionWidth,
    },
  };
}

function preprocessorConfig({ imageSize, resize }: SmallSizes): Record<string, unknown> {
  const square = { height: imageSize, width: imageSize };
  const common = { do_resize: true, resample: 3, do_rescale: true, do_normalize: true, do_convert_rgb: true };
  return resize === "pad"
    ? { image_processor_type: "LlavaImageProcessor", ...common, do_pad: true, do_center_crop: false, size: square }
    : { image_processor_type: "CLIPImageProcessor", ...common, do_center_crop: false, size: square };
}
