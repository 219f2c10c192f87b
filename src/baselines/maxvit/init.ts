/** How a new MaxViT starts: as timm initialises it ("vit_eff"); of its head, as PyTorch. */
import type { Init, ParamSource } from "../../nn/index.js";

/** Where it is not as the network's layers say. */
function ofLayer(name: string, [outputs = 1, inputs = 1]: readonly number[]): Init | undefined {
  if (/[.]attn_\w+[.](attn[.](qkv|proj)|mlp[.]fc\d)[.]weight$/.test(name)) {
    return { bound: Math.sqrt(6 / (inputs + outputs)) };
  }
  return /[.]mlp[.]fc\d[.]bias$/.test(name) ? { std: 1e-6 } : undefined;
}

/** @param width channels of the last stage, which the maps of the head take */
export function publishedInit(source: ParamSource, width: number): ParamSource {
  const head = { bound: width ** -0.5 };
  return {
    take(name, shape, init, use) {
      const isHead = /^head[.](pre_logits[.])?fc[.]/.test(name);
      return source.take(name, shape, isHead ? head : (ofLayer(name, shape) ?? init), use);
    },
  };
}
