/** What the steps of a cache with a capacity have in common: one token a sequence on the same shapes and tensors each time. */
import {
  aten,
  arange,
  full,
  inferenceMode,
  keep,
  scope,
  tensor,
  zeros,
  type DType,
  type Tensor,
} from "../torch/index.js";
import { placeTokens, type Past, type Placement } from "./attention.js";
import { ropeAt, type Rope } from "./rope.js";

const indexFill = aten("index_fill_.int_Scalar");

/** What a model gives for its steps. */
export interface StepParts {
  readonly dtype: DType;
  readonly device: string;
  /** Rotary factors of positions `[1, T]`. */
  readonly turns: (positions: Tensor) => Rope;
}

/** Where a step's tokens are, and how they are rotated. */
export interface StepPlacement extends Placement {
  readonly rope: Rope;
}

/**
 * Tensors on the device that a step reads and leaves ready for the next one, so that no number of it comes from JavaScript:
 * recorded once as a CUDA graph, it can be replayed.
 */
export class StepState {
  /** `[1]` int64: the position that is written. */
  readonly slot: Tensor;
  /** `[batch, 1]` int64: the position ids of the new tokens. */
  readonly #positions: Tensor;
  /** `[batch, 1, 1, capacity]`, 0 where a key is seen. */
  readonly #mask: Tensor;
  /** Of all positions up to the capacity. */
  readonly #turns: Rope;

  constructor(batch: number, capacity: number, { dtype, device, turns }: StepParts) {
    [this.slot, this.#positions, this.#mask, this.#turns] = inferenceMode(() =>
      scope(() => {
        const { cos, sin } = turns(arange(0, capacity, { device }).unsqueeze(0));
        const integers = { dtype: "int64", device } as const;
        return [
          keep(zeros([1], integers)),
          keep(zeros([batch, 1], integers)),
          keep(full([batch, 1, 1, capacity], -Infinity, { dtype, device })),
          { cos: keep(cos), sin: keep(sin) },
        ];
      }),
    );
  }

  /** For a step after something else than a step. @param next position ids of the new tokens; undefined: a plain count */
  write(past: Past, next: readonly number[] | undefined): void {
    const { slot } = this;
    const [positions, mask] = [this.#positions, this.#mask];
    const [batch = 0] = mask.shape;
    inferenceMode(() =>
      scope(() => {
        const placed = placeTokens([batch, 1], undefined, past, mask);
        slot.fill_(past.length);
        positions.copy_(next ? tensor([...next], { dtype: "int64" }).unsqueeze(1) : placed.positions);
        mask.fill_(-Infinity);
        const seen = mask.narrow(3, 0, past.length + 1);
        if (placed.mask) seen.copy_(placed.mask);
        else seen.fill_(0);
      }),
    );
  }

  /** Makes the new position visible. */
  begin(): StepPlacement {
    const [positions, mask] = [this.#positions, this.#mask];
    inferenceMode(() => indexFill(mask, 3, this.slot, 0));
    return { positions, real: null, mask, causal: false, rope: ropeAt(this.#turns, positions) };
  }

  /** Goes on to the next position. */
  end(): void {
    inferenceMode(() => {
      this.slot.add_(1);
      this.#positions.add_(1);
    });
  }

  dispose(): void {
    const { cos, sin } = this.#turns;
    for (const tensor of [this.slot, this.#positions, this.#mask, cos, sin]) tensor.dispose();
  }
}
