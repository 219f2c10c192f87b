/** Models whose linear maps are in 8 bits. */
import { basename } from "node:path";
import { RocError } from "../errors.js";
import type { QuantizePlan } from "../torch/int8.js";
import { ownQuantization, QUANT_METHOD } from "../weights/index.js";
import { linearMaps, type LoraAdapters } from "./lora.js";
import type { LoadOptions, Mllm, Quantization } from "./types.js";

/** Values of `LoadOptions.quantize`. */
const QUANTIZATIONS: readonly Quantization[] = ["int8"];

/** In what a model's linear maps are; undefined: all are floating-point numbers. */
export function quantizationOf(model: Mllm): Quantization | undefined {
  for (const map of linearMaps(model).values()) if (map.form?.name === "int8") return "int8";
  return undefined;
}

/** Devices that have the products. */
const DEVICES = /^(cpu|cuda(:\d+)?)$/;

/**
 * How a checkpoint's linear maps are to be loaded; undefined: as they are.
 *
 * @param config parsed `config.json`
 * @throws RocError USAGE for a method that there is not, or a device that lacks the products
 */
export function planOf({ quantize, device = "cpu" }: LoadOptions, config: unknown): QuantizePlan | undefined {
  if (quantize !== undefined && !QUANTIZATIONS.includes(quantize)) {
    throw new RocError("USAGE", `quantize is ${String(quantize)}; give one of ${QUANTIZATIONS.join(", ")}.`);
  }
  const stored = ownQuantization(config);
  const to = quantize ?? stored;
  if (to === undefined) return undefined;
  if (DEVICES.test(device)) return { to, stored: stored !== undefined };
  const what = stored === undefined ? `--quantize ${to}` : `a checkpoint in ${to}`;
  throw new RocError("USAGE", `${what}: the device ${device} has no products in 8 bits. Take cpu or cuda.`);
}

/** Where the weights of a quantised checkpoint come from. */
export interface QuantizedFrom {
  readonly method: Quantization;
  /** The checkpoint's name: its folder's, or the hub's. */
  readonly source: string | undefined;
  /** SHA-256 of the checkpoint's files. */
  readonly digest: string | undefined;
}

/** What a config says of the checkpoint that its weights were quantised from; undefined: they were not. */
export function quantizedFrom(config: Readonly<Record<string, unknown>>): QuantizedFrom | undefined {
  const method = ownQuantization(config);
  if (method === undefined) return undefined;
  const { source, source_digest } = config["quantization_config"] as Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return { method, source: text(source), digest: text(source_digest) };
}

/** Refuses a checkpoint whose weights are not to be changed. @throws RocError USAGE naming what it was made of */
export function refuseQuantized(config: unknown, folder: string): void {
  const from = typeof config === "object" && config !== null ? quantizedFrom({ ...config }) : undefined;
  if (!from) return;
  const source = from.source === undefined ? "" : ` (${from.source})`;
  throw new RocError(
    "USAGE",
    `${folder} is in ${from.method}, which cannot be changed. Take the checkpoint that it was made of${source}.`,
  );
}

/** Writes into a model's config where its quantised weights come from. */
export function nameSource({ config }: Mllm, source: string, digest?: string): void {
  config["quantization_config"] = { quant_method: QUANT_METHOD, source, ...(digest && { source_digest: digest }) };
}

/**
 * Makes sure that what was to be quantised is, and says so in the model's config.
 *
 * @param folder that it was loaded from
 * @throws RocError USAGE where it has no linear map that fits
 */
export function checkQuantized(model: Mllm, folder: string): void {
  if (quantizationOf(model) === undefined) {
    const what = `${folder}: none of its linear maps can be in 8 bits (their sides have to be multiples of 8)`;
    throw new RocError("USAGE", `--quantize: ${what}. Load it without.`);
  }
  if (ownQuantization(model.config) === undefined) nameSource(model, basename(folder));
}

/** Merges adapters into their maps and rounds the model's maps to 8 bits, one after another. */
export function quantizeMerged(model: Mllm, adapters: LoraAdapters): void {
  const maps = linearMaps(model);
  adapters.merge((map, merged) => map.quantize(merged));
  for (const map of maps.values()) map.quantize();
}
