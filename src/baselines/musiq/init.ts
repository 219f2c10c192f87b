/** How a new MUSIQ starts: as flax initialises the layers of the published model. */
import type { Init, ParamSource } from "../../nn/index.js";

/** `xavier_uniform` of a linear map. */
function xavier([outputs = 1, inputs = 1]: readonly number[]): Init {
  return { bound: Math.sqrt(6 / (inputs + outputs)) };
}

/** Of the transformer's layers, whose blocks here would start otherwise; undefined: as the network says. */
function ofLayer(name: string, shape: readonly number[]): Init | undefined {
  if (!name.includes(".encoderblock_")) return undefined;
  if (/[.](attention|mlp)[.][a-z\d]+[.]weight$/.test(name)) return xavier(shape);
  return /[.]mlp[.]fc\d[.]bias$/.test(name) ? { std: 1e-6 } : undefined;
}

/** The source with the published initialisation. */
export function publishedInit(source: ParamSource): ParamSource {
  return { take: (name, shape, init, use) => source.take(name, shape, ofLayer(name, shape) ?? init, use) };
}
