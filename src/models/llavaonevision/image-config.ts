/** `preprocessor_config.json` of LLaVA-OneVision checkpoints: checked, and filled in. */
import { z } from "zod";
import { invalidConfig, valueFields, valueStepsOf, type ValueSteps } from "../../image/index.js";
import type { AnyresRules } from "./anyres.js";
import { checkPinpoints, pinpoints } from "./config.js";

const side = z.number().int().positive();
const sides = z.looseObject({ height: side.nullish(), width: side.nullish(), shortest_edge: side.nullish() });
const size = z.union([side, sides]).nullish();
const TYPE = /^LlavaOnevisionImageProcessor(?:Fast|Pil)?$/;
const type = z.string().regex(TYPE, { error: "only LlavaOnevisionImageProcessor is supported" });

const schema = z.looseObject({
  image_processor_type: type.nullish(),
  size,
  crop_size: size,
  do_center_crop: z.literal(false, { error: "tiles are not cropped" }).nullish(),
  image_grid_pinpoints: pinpoints.nullish(),
  ...valueFields,
});

/**
 * Checks a file's parsed content.
 *
 * @param rules of config.json, whose tiles and canvases the file's must be
 * @param file what messages call it
 * @throws RocError CONFIG_INVALID naming the field
 */
export function parseImageSteps(config: unknown, rules: AnyresRules, file = "preprocessor_config.json"): ValueSteps {
  const parsed = schema.safeParse(config);
  if (!parsed.success) throw invalidConfig(file, z.prettifyError(parsed.error).replaceAll("\n", " "));
  const { size: whole, crop_size, image_grid_pinpoints, ...raw } = parsed.data;
  for (const [key, value] of Object.entries({ size: whole, crop_size })) {
    const wrong = edgesOf(value).find((edge) => edge !== rules.size);
    if (wrong === undefined) continue;
    throw invalidConfig(file, `${key} is ${wrong}, the vision tower of config.json takes ${rules.size}`);
  }
  if (image_grid_pinpoints) {
    const own = checkPinpoints(image_grid_pinpoints, rules.size, file);
    if (JSON.stringify(own) !== JSON.stringify(rules.pinpoints)) {
      throw invalidConfig(
        file,
        "image_grid_pinpoints are not those of config.json; take both files from one checkpoint",
      );
    }
  }
  return valueStepsOf(raw, file);
}

function edgesOf(value: z.infer<typeof size>): number[] {
  if (typeof value === "number") return [value];
  return [value?.height, value?.width, value?.shortest_edge].flatMap((edge) => edge ?? []);
}
