/** Models whose linear maps have their weights packed beforehand: when, and how. */
import { RocError } from "../errors.js";
import { PackedForm } from "../nn/packed.js";
import { multipliesBfloat16 } from "../torch/index.js";
import { hasPackedProducts } from "../torch/packed.js";
import { linearMaps } from "./lora.js";
import type { Packing } from "./packing.js";
import { quantizationOf } from "./quantize.js";
import type { Mllm } from "./types.js";

/** What {@link isForPacking} goes by. */
export interface PackingFacts {
  readonly dtype: string;
  readonly device: string;
  /** Of the linear maps' weights, some are int8. */
  readonly quantized: boolean;
  /** libtorch has products with packed weights that run here. */
  readonly products: boolean;
  /** x86 with instructions for bfloat16: where it was measured. */
  readonly measured: boolean;
}

/**
 * Whether a model's weights are to be packed.
 *
 * @throws RocError USAGE for true where they cannot be
 */
export function isForPacking(pack: Packing, { dtype, device, quantized, products, measured }: PackingFacts): boolean {
  if (pack === false) return false;
  let problem: string | undefined;
  if (device !== "cpu") problem = `the model is on ${device}, and weights are packed for a CPU`;
  else if (quantized) problem = "its weights are int8, and bfloat16 ones are packed";
  else if (dtype !== "bfloat16") problem = `its weights are ${dtype}, and bfloat16 ones are packed (--dtype bfloat16)`;
  else if (!products) problem = "this libtorch has no products with packed weights for this processor";
  if (pack === "auto") return problem === undefined && measured;
  if (problem !== undefined) throw new RocError("USAGE", `--pack on (pack): ${problem}. Leave it out.`);
  return true;
}

/** Packs the weights of a model's linear maps, where that is to be. @throws RocError USAGE where it cannot be */
export function packWeights(model: Mllm, pack: Packing): void {
  const { dtype, device } = model;
  const facts = {
    ...{ dtype, device, quantized: quantizationOf(model) !== undefined },
    products: hasPackedProducts(),
    measured: process.arch === "x64" && multipliesBfloat16(),
  };
  if (!isForPacking(pack, facts)) return;
  for (const map of linearMaps(model).values()) {
    if (map.form === null && map.weight.dtype === "bfloat16") map.form = new PackedForm(map.weight);
  }
}

/** Whether a model's linear maps compute with packed weights. */
export function isPacked(model: Mllm): boolean {
  for (const map of linearMaps(model).values()) if (map.form?.name === "packed") return true;
  return false;
}
