/**
 * Gated DeltaNet (arXiv 2412.06464) as Qwen3.5 has it, in the place of attention: projections, a causal convolution of each
 * channel, the gated delta rule (delta-rule.ts) on heads of keys and values, and a norm that is gated. Its state has a fixed size.
 */
import { aten, cat, fromTypedArray, scope, type Tensor } from "../torch/index.js";
import { CHUNK, deltaChunk, deltaStep, laterTokens, type DeltaHeads } from "./delta-rule.js";
import type { LayerState, LayerStates } from "./layer-states.js";
import { Linear } from "./linear.js";
import type { Padding } from "./padding.js";
import type { Init, Params } from "./params.js";

const addcmul = aten("addcmul");
const addcmulInPlace = aten("addcmul_");
const siluInPlace = aten("silu_");
const softplus = aten("softplus");
const rmsNorm = aten("rms_norm");
const split = aten("split_with_sizes");

/** Sizes, in the field's terms. */
export interface DeltaNetConfig extends DeltaHeads {
  /** Tokens that the convolution looks at. */
  readonly kernel: number;
}

/** What a forward's layers of this kind share. */
export interface DeltaPass {
  /** `[batch, T]` */
  readonly shape: readonly [number, number];
  /** Undefined: nothing is remembered. */
  readonly states: LayerStates | undefined;
  readonly padding: Padding | undefined;
  /** Tokens behind which the states are kept, for a cache that is rewound to there; undefined: none. */
  readonly mark: number | undefined;
}

/** The convolution's inputs and the rule's factors of all tokens, and the gates. */
interface Projected {
  /** `[batch, T, channels]` */
  readonly mixed: Tensor;
  /** `[batch, T, valueHeads]`, wide: what is kept, in logarithms, and what is written (delta-rule.ts). */
  readonly g: Tensor;
  readonly beta: Tensor;
  /** `[batch, T, valueHeads * valueDim]` */
  readonly z: Tensor;
}

/** In float32, or float64 where that is its own. */
function wide(x: Tensor): Tensor {
  return x.dtype === "float64" ? x : x.to("float32");
}

export class GatedDeltaNet {
  readonly #qkv: Linear;
  readonly #z: Linear;
  readonly #a: Linear;
  readonly #b: Linear;
  readonly #out: Linear;
  readonly #convolution: Tensor;
  readonly #logDecay: Tensor;
  readonly #stepBias: Tensor;
  readonly #norm: Tensor;

  /** @param options `init` of the output's map */
  constructor(
    params: Params,
    hiddenSize: number,
    private readonly config: DeltaNetConfig,
    private readonly layer: number,
    private readonly options: { readonly eps: number; readonly init: Init },
  ) {
    const { valueHeads, valueDim, kernel } = config;
    const map = (name: string, outputs: number, precise = false): Linear =>
      new Linear(params.at(name), hiddenSize, outputs, { bias: false, precise });
    this.#qkv = map("in_proj_qkv", this.#channels);
    this.#z = map("in_proj_z", valueHeads * valueDim);
    // The exponential of an exponential is computed of them.
    this.#b = map("in_proj_b", valueHeads, true);
    this.#a = map("in_proj_a", valueHeads, true);
    this.#convolution = params.at("conv1d").get("weight", [this.#channels, 1, kernel], { std: kernel ** -0.5 });
    // As transformers draws them between 0.01 and 16, here in even steps.
    const decays = (): Float32Array => Float32Array.from({ length: valueHeads }, (_, i) => Math.log(0.01 + (16 * (i + 0.5)) / valueHeads)); // prettier-ignore
    this.#logDecay = params.get("A_log", [valueHeads], { table: decays });
    this.#stepBias = params.get("dt_bias", [valueHeads], "ones");
    this.#norm = params.at("norm").get("weight", [valueDim], "ones");
    this.#out = new Linear(params.at("out_proj"), valueHeads * valueDim, hiddenSize, {
      bias: false,
      init: options.init,
    });
  }

  get #channels(): number {
    const { keyHeads, valueHeads, keyDim, valueDim } = this.config;
    return 2 * keyHeads * keyDim + valueHeads * valueDim;
  }

  /**
   * @param x `[batch, T, hiddenSize]`
   * @param choose takes the wanted rows of `[batch, T, size]`
   */
  forward(x: Tensor, pass: DeltaPass, choose: (x: Tensor) => Tensor): Tensor {
    const { states, padding } = pass;
    const [batch, T] = pass.shape;
    const order = padding?.packed?.order;
    const reorder = (y: Tensor, index: Tensor | undefined): Tensor =>
      index ? y.flatten(0, 1).indexSelect(0, index).view(batch, T, y.size(2)) : y;
    const projected = this.#project(reorder(padding ? x.mul(padding.real) : x, order?.there), padding);
    const before = states?.get(this.layer);
    const mixed =
      before && T === 1 && !padding ? this.#step(projected, before, states) : this.#chunks(projected, pass, before);
    return this.#out.forward(choose(reorder(mixed, order?.back)));
  }

  #project(x: Tensor, padding: Padding | undefined): Projected {
    // Padding that states run over changes nothing of them.
    const only = (y: Tensor): Tensor => (padding?.packed ? y.mul(padding.packed.real) : y);
    const rate = softplus(wide(this.#a.forward(x)).add(wide(this.#stepBias)));
    const g = rate.mul(wide(this.#logDecay).exp().neg());
    const beta = wide(this.#b.forward(x).sigmoid());
    return { mixed: this.#qkv.forward(x), g: only(g), beta: only(beta), z: this.#z.forward(x) };
  }

  /** One token: the state is written in place where it can be. */
  #step({ mixed, g, beta, z }: Projected, before: LayerState, states: LayerStates | undefined): Tensor {
    const into = states?.writable(this.layer, mixed);
    const { window, memory } = into ?? before;
    const seen = cat([window, mixed], 1);
    const qkv = wide(seen).mul(this.#taps()).sum(1, true).silu();
    const { output, memory: next } = deltaStep({ qkv, g, beta }, memory, this.config, into !== undefined);
    const later = seen.narrow(1, 1, seen.size(1) - 1);
    if (into) into.window.copy_(later);
    else states?.put(this.layer, { window: later.clone(), memory: next });
    return this.#gated(output, z);
  }

  #chunks(
    projected: Projected,
    { shape: [batch, T], states, padding, mark }: DeltaPass,
    before: LayerState | undefined,
  ) {
    const lengths = chunkLengths(T, mark);
    const parts = [projected.mixed, projected.g, projected.beta, projected.z].map((x) => split(x, lengths, 1));
    const taps = this.#taps();
    const { dtype, device } = projected.mixed;
    const first = before?.window ?? fromTypedArray(new Float32Array(batch * (this.config.kernel - 1) * this.#channels), [batch, this.config.kernel - 1, this.#channels], { dtype, device }); // prettier-ignore
    const masks = new Map<number, Tensor>();
    const outputs: Tensor[] = [];
    let [window, memory, done] = [wide(first), before?.memory, 0];
    let marked: LayerState | undefined;
    const stateAt = (count: number, behind: Tensor): LayerState => ({
      window: scope(() => this.#windowAt(cat([first, projected.mixed], 1), padding, count)),
      memory: behind,
    });
    for (const [i, n] of lengths.entries()) {
      const [mixed, g, beta, z] = parts.map((part) => part[i]) as [Tensor, Tensor, Tensor, Tensor];
      const later = masks.get(n) ?? laterTokens(n, g);
      masks.set(n, later);
      const chunk = scope(() => {
        const seen = cat([window, wide(mixed)], 1);
        const qkv = scope(() => convolve(seen, taps));
        const result = deltaChunk({ qkv, g, beta }, memory, this.config, later);
        return { output: this.#gated(result.output, z), memory: result.memory, window: seen.narrow(1, n, seen.size(1) - n).clone() }; // prettier-ignore
      });
      outputs.push(chunk.output);
      ({ window, memory } = chunk);
      done += n;
      if (states && done === mark && done < T) marked = stateAt(done, memory);
    }
    if (states && memory) states.put(this.layer, stateAt(T, memory), marked);
    return outputs.length === 1 && outputs[0] ? outputs[0] : cat(outputs, 1);
  }

  /** The convolution's inputs that a token behind the first `count` looks back to. @param seen the last ones before, and the new */
  #windowAt(seen: Tensor, padding: Padding | undefined, count: number): Tensor {
    const size = this.config.kernel - 1;
    if (!padding?.packed) return seen.narrow(1, count, size).clone();
    const width = seen.size(1);
    const rows = padding.packed.before(count).flatMap((real, b) => Array.from({ length: size }, (_, j) => b * width + real + j)); // prettier-ignore
    const index = fromTypedArray(BigInt64Array.from(rows, BigInt), [rows.length], { device: seen.device });
    return seen.flatten(0, 1).indexSelect(0, index).view(seen.size(0), size, seen.size(2));
  }

  /** `[kernel, channels]`: a factor of each of the tokens that the convolution looks at. */
  #taps(): Tensor {
    return wide(this.#convolution.squeeze(1).t()).contiguous();
  }

  /** RMSNorm of each head, then the gate. @param output wide; `[batch, n, valueHeads * valueDim]` in the dtype of `z` comes out */
  #gated(output: Tensor, z: Tensor): Tensor {
    const { valueDim } = this.config;
    const normed = rmsNorm(output, [valueDim], wide(this.#norm), this.options.eps);
    return normed.flatten(2, 3).mul(wide(z).silu()).to(z.dtype);
  }
}

/** `seen` is `[batch, kernel - 1 + n, channels]`; `[batch, n, channels]` comes out. */
function convolve(seen: Tensor, taps: Tensor): Tensor {
  const kernel = taps.size(0);
  const n = seen.size(1) - kernel + 1;
  const at = (j: number): [Tensor, Tensor] => [seen.narrow(1, j, n), taps.select(0, j)];
  const inPlace = !seen.requiresGrad && !taps.requiresGrad;
  const add = inPlace ? addcmulInPlace : addcmul;
  let sum = at(0)[0].mul(at(0)[1]);
  for (let j = 1; j < kernel; j++) sum = add(sum, ...at(j));
  return inPlace ? siluInPlace(sum) : sum.silu();
}

/** Whole chunks and what is left, up to the mark and behind it. */
function chunkLengths(T: number, mark: number | undefined): number[] {
  const parts = mark !== undefined && mark > 0 && mark < T ? [mark, T - mark] : [T];
  return parts.flatMap((part) => [
    ...new Array<number>(Math.floor(part / CHUNK)).fill(CHUNK),
    ...(part % CHUNK > 0 ? [part % CHUNK] : []),
  ]);
}
