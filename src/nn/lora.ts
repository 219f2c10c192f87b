/**
 * Low-rank adapters (LoRA, arXiv 2106.09685): `W x + scaling * B A dropout(x)` with `W` unchanged. Numerically equal to
 * Python peft's `lora.Linear`.
 */
import { aten, keep, manualSeed, noGrad, rand, RandomStream, scope, zeros } from "../torch/index.js";
import type { Device, Tensor } from "../torch/index.js";

const linear = aten("linear");
const dropout = aten("dropout");

export interface LoraShape {
  readonly rank: number;
  /** The update is scaled by `alpha / rank`, or by `alpha / sqrt(rank)` where `rslora` (arXiv 2312.03732). */
  readonly alpha: number;
  readonly rslora: boolean;
  /** Share of the inputs that are zeroed inside {@link withDropout}. */
  readonly dropout: number;
}

/** Seed of the masks; null outside of {@link withDropout}. */
let dropoutSeed: number | null = null;

/**
 * Runs `body` with the adapters' dropout enabled.
 *
 * An adapter's mask depends only on `seed` and its `index`: a resumed run draws the masks of the uninterrupted one, and a
 * recomputed forward those of the first.
 */
export function withDropout<T>(seed: number, body: () => T): T {
  const before = dropoutSeed;
  dropoutSeed = seed;
  try {
    return new RandomStream(seed).run(body);
  } finally {
    dropoutSeed = before;
  }
}

export class LoraAdapter {
  readonly scaling: number;
  readonly #dropout: number;

  /**
   * @param a `[rank, inputs]`; this adapter owns both
   * @param b `[outputs, rank]`
   * @param index its position among a model's adapters
   */
  constructor(
    readonly a: Tensor,
    readonly b: Tensor,
    shape: LoraShape,
    private readonly index = 0,
  ) {
    this.#dropout = shape.dropout;
    this.scaling = shape.alpha / (shape.rslora ? Math.sqrt(shape.rank) : shape.rank);
  }

  /** @param y the layer's own output for `x` */
  addTo(y: Tensor, x: Tensor): Tensor {
    const input = this.#drop(x.dtype === this.a.dtype ? x : x.to(this.a.dtype));
    const sum = y.add(linear(linear(input, this.a, null), this.b, null).mul(this.scaling));
    return sum.dtype === y.dtype ? sum : sum.to(y.dtype);
  }

  /** The update that merging adds to the layer's weight, `[outputs, inputs]`. */
  delta(): Tensor {
    return this.b.matmul(this.a).mul(this.scaling);
  }

  dispose(): void {
    this.a.dispose();
    this.b.dispose();
  }

  #drop(x: Tensor): Tensor {
    if (dropoutSeed === null || this.#dropout === 0) return x;
    manualSeed((dropoutSeed + Math.imul(this.index, 0x9e3779b1)) >>> 0);
    return dropout(x, this.#dropout, true);
  }
}

/**
 * An adapter that changes nothing yet, initialised as in peft: `A` uniform in `±1/sqrt(inputs)`, drawn from libtorch's CPU
 * generator, `B` zero; both float32.
 */
export function freshAdapter(
  [outputs, inputs]: readonly [number, number],
  shape: LoraShape,
  at: Placement,
): LoraAdapter {
  const { device, index } = at;
  const draw = (): Tensor =>
    rand([shape.rank, inputs])
      .mul_(2)
      .sub_(1)
      .mul_(inputs ** -0.5)
      .to({ device });
  const a = keep(noGrad(() => scope(draw)));
  return new LoraAdapter(a, keep(zeros([outputs, shape.rank], { device })), shape, index);
}

interface Placement {
  readonly device: Device;
  readonly index: number;
}
