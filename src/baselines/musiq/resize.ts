/** How MUSIQ's programs resize the values of a picture. */
import { aten, fromTypedArray, type Tensor } from "../../torch/index.js";
import { roundHalfEven } from "../common/rounding.js";
import type { Form } from "./facts.js";

const bicubic = aten("upsample_bicubic2d.vec");

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The size whose longer side is `side`, aspect kept. The original's programs fail where a side comes to nothing; here it is a pixel.
 */
export function sizeOfScale({ width, height }: Size, side: number, form: Form): Size {
  const longer = Math.max(width, height);
  // TensorFlow's are float32.
  const round = form === "original" ? Math.fround : (value: number) => value;
  const ratio = round(side / longer);
  const scaled = (length: number): number => Math.max(1, roundHalfEven(round(length * ratio)));
  return { width: scaled(width), height: scaled(height) };
}

/**
 * Values `[3, height, width]` in another size: by TensorFlow's Gaussian ("original"), or PyTorch's bicubic ("pyiqa"). Neither
 * counts every pixel where it shrinks.
 */
export function resizeValues(values: Tensor, { width, height }: Size, form: Form): Tensor {
  if (form === "pyiqa") return bicubic(values.unsqueeze(0), [height, width], false, null).squeeze(0);
  return gaussian(gaussian(values, 1, height), 2, width);
}

/** Half the width of TensorFlow's Gaussian kernel in pixels of the picture; three of its deviations. */
const RADIUS = 1.5;
const DEVIATION = RADIUS / 3;

/** The pixels that make one, and their weights, for each of `output`. */
interface Taps {
  readonly count: number;
  /** `[output, count]`, of the picture's pixels */
  readonly pixels: BigInt64Array;
  /** `[output, count]`, those of a pixel summing to 1 */
  readonly weights: Float32Array;
}

/**
 * The weights of `tf.image.resize(..., GAUSSIAN)`, which does not widen the kernel where it shrinks (antialias is False), in
 * float32 as TensorFlow's `ScaleAndTranslate` computes them (scale_and_translate_op.cc, sampling_kernels.h).
 */
export function gaussianTaps(input: number, output: number): Taps {
  const { fround } = Math;
  const inverse = fround(1 / fround(output / input));
  const count = Math.min(2 * Math.ceil(RADIUS) + 1, input);
  const pixels = new BigInt64Array(output * count);
  const weights = new Float32Array(output * count);
  const inside = (pixel: number): number => Math.min(Math.max(pixel, 0), input - 1);
  for (let i = 0; i < output; i++) {
    const center = fround((i + 0.5) * inverse);
    const first = inside(Math.ceil(fround(center - RADIUS - 0.5)));
    const last = inside(Math.floor(fround(center + RADIUS - 0.5)));
    let total = 0;
    for (let tap = 0; tap <= last - first; tap++) {
      const weight = bell(Math.abs(fround(first + tap + 0.5 - center)));
      weights[i * count + tap] = weight;
      total = fround(total + weight);
    }
    for (let tap = 0; tap < count; tap++) {
      pixels[i * count + tap] = BigInt(inside(first + tap));
      weights[i * count + tap] = (weights[i * count + tap] ?? 0) / total;
    }
  }
  return { count, pixels, weights };
}

function bell(distance: number): number {
  return distance >= RADIUS ? 0 : Math.fround(Math.exp((-distance * distance) / (2 * DEVIATION * DEVIATION)));
}

/** Along one dimension of `[3, height, width]`. */
function gaussian(values: Tensor, dim: 1 | 2, output: number): Tensor {
  const { count, pixels, weights } = gaussianTaps(values.size(dim), output);
  const taken = values.indexSelect(dim, fromTypedArray(pixels, [output * count]));
  const [height, width] = [values.size(1), values.size(2)];
  const factors = fromTypedArray(weights, dim === 1 ? [output, count, 1] : [output, count]);
  const apart = dim === 1 ? taken.view(3, output, count, width) : taken.view(3, height, output, count);
  return apart.mul(factors).sum(dim + 1);
}
