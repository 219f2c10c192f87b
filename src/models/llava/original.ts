/**
 * `config.json` of the original LLaVA code (github.com/haotian-liu/LLaVA, class LlavaLlamaForCausalLM): LLaMA's keys and
 * those of the vision side in one flat object. Here it is put into the form of transformers' own files.
 */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { IMAGE_ID } from "../types.js";

/** Absent `vision_config`: the tower of LLaVA-1.5, openai/clip-vit-large-patch14-336. */
export const LLAVA_VISION = {
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  image_size: 336,
  patch_size: 14,
};

/** Null and absent both mean that there is none. */
const absent = z.union([z.literal(false), z.null()]).optional();

/** What LLaVA-1.5 and its descendants have; later versions' other values are refused by name. */
const schema = z.looseObject({
  mm_vision_tower: z.string().nullish(),
  mm_vision_select_layer: z.number().int().nullish(),
  mm_vision_select_feature: z.enum(["patch", "cls_patch"]).nullish(),
  mm_projector_type: z.literal("mlp2x_gelu"),
  mm_use_im_start_end: absent,
  image_aspect_ratio: z.enum(["pad", "square"]).nullish(),
  image_token_index: z.number().int().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
});

/** Whether a parsed `config.json` is one of the original code's. */
export function isOriginal(config: unknown): config is Record<string, unknown> {
  if (typeof config !== "object" || config === null) return false;
  return ["mm_vision_tower", "mm_projector_type", "mm_hidden_size"].some((key) => key in config);
}

/** The tower that a parsed original config names; undefined where it names none. */
export function namedTower(config: Record<string, unknown>): string | undefined {
  const { mm_vision_tower } = config;
  return typeof mm_vision_tower === "string" && mm_vision_tower !== "" ? mm_vision_tower : undefined;
}

/**
 * The config as transformers would write it, and whether pictures are padded to a square.
 *
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function publicForm(config: Record<string, unknown>, file: string): { config: object; pads: boolean } {
  const parsed = schema.safeParse(config);
  if (!parsed.success) {
    const what = z.prettifyError(parsed.error).replaceAll("\n", " ");
    throw new RocError(
      "CONFIG_INVALID",
      `${file} is not an original LLaVA-1.5 config: ${what}. Other kinds are not read.`,
    );
  }
  const values = parsed.data;
  const { mm_vision_select_layer: layer, mm_vision_select_feature: feature } = values;
  return {
    pads: values.image_aspect_ratio === "pad",
    config: {
      model_type: "llava",
      text_config: { ...config, model_type: "llama" },
      vision_config: config["vision_config"],
      image_token_index: values.image_token_index ?? IMAGE_ID,
      vision_feature_layer: layer,
      vision_feature_select_strategy: feature === "cls_patch" ? "full" : "default",
      tie_word_embeddings: values.tie_word_embeddings,
    },
  };
}
