/** What NIMA's head stands on. */
import type { Tensor } from "../../torch/index.js";

/** A network without its classifier. */
export interface Features {
  /** Of what {@link forward} gives. */
  readonly channels: number;
  /** The side of what {@link forward} gives for pictures of a side; 0: too small. */
  sideOf(side: number): number;
  /** `[B, 3, side, side] -> [B, channels, sideOf(side), sideOf(side)]` */
  forward(pixels: Tensor, training: boolean): Tensor;
}
