/**
 * Weights that were quantised for another program. They are refused with a clear error: the stored numbers cannot be used
 * as weights.
 */
import { z } from "zod";
import { RocError } from "../errors.js";

const REMEDY =
  "Take the checkpoint that it was made of, in bfloat16 or float16 (often of the same name without -Int4, -Int8, -GPTQ, -AWQ, " +
  "-FP8 or -bnb-4bit); or write one with the Python library that it was made by (in transformers: model.dequantize(), then " +
  "model.save_pretrained(FOLDER)).";

/** What `quantization_config.quant_method` says of weights that are quantised here; no other program reads them. */
export const QUANT_METHOD = "roc4mllm_int8";

const settings = z.looseObject({
  quant_method: z.string().optional(),
  bits: z.number().optional(),
  load_in_4bit: z.boolean().optional(),
  load_in_8bit: z.boolean().optional(),
});
const configSchema = z.looseObject({
  quantization_config: settings.optional(),
  compression_config: settings.optional(),
});

const partsSchema = z.looseObject({ text_config: z.unknown().optional(), llm_config: z.unknown().optional() });

/** How a config says that its weights were quantised here; undefined: they were not. */
export function ownQuantization(config: unknown): "int8" | undefined {
  const { quantization_config } = configSchema.safeParse(config).data ?? {};
  return quantization_config?.quant_method === QUANT_METHOD ? "int8" : undefined;
}

/**
 * Refuses a config whose weights were quantised for another program.
 *
 * @param config parsed `config.json`
 * @throws RocError CHECKPOINT_INVALID
 */
export function refuseQuantisedConfig(config: unknown, file: string): void {
  const whole = partsSchema.safeParse(config).data;
  for (const part of [ownQuantization(config) ? undefined : config, whole?.text_config, whole?.llm_config]) {
    const { quantization_config, compression_config } = configSchema.safeParse(part).data ?? {};
    const found = quantization_config ?? compression_config;
    if (found) throw quantised(`${file} (quantization_config: ${methodOf(found)})`);
  }
}

function methodOf({ quant_method, bits, load_in_4bit, load_in_8bit }: z.infer<typeof settings>): string {
  const width = bits ?? (load_in_4bit ? 4 : load_in_8bit ? 8 : undefined);
  return [quant_method ?? "of an unnamed method", ...(width === undefined ? [] : [`${width} bits`])].join(", ");
}

/** Names of tensors that only quantised weights have. */
const PARTS =
  /\.(qweight|qzeros|g_idx|SCB|weight_format|weight_scale|weight_scale_inv|weight_zero_point|weight_packed|input_scale|absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.[\w.]+)$/;

/** The first of `names` that only quantised weights have; undefined where there is none. */
export function quantisedPart(names: Iterable<string>): string | undefined {
  for (const name of names) if (PARTS.test(name)) return name;
  return undefined;
}

/** The error for quantised weights. @param what the file, and how it was detected */
export function quantised(what: string): RocError {
  return new RocError("CHECKPOINT_INVALID", `${what} is quantised, which is not read here. ${REMEDY}`);
}
