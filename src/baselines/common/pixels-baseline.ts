/** What every system has of its weights, and what it takes. */
import { RocError } from "../../errors.js";
import { disposeParameters, type Params } from "../../nn/index.js";
import type { DType, Tensor } from "../../torch/index.js";
import type { Answer, Baseline, Inputs, Loss, Output, Targets } from "../types.js";

/** A system whose weights are one network's. */
export abstract class NetworkBaseline implements Baseline {
  abstract readonly family: string;
  abstract readonly config: Readonly<Record<string, unknown>>;
  abstract readonly outputs: readonly Output[];
  abstract readonly inputs: Baseline["inputs"];
  abstract forward(inputs: Inputs, training: boolean): Answer;
  abstract loss(answer: Answer, targets: Targets): Loss;

  /**
   * @param params of the whole network
   * @param frozen of a part of it that nothing trains, and that counts among the buffers
   */
  protected constructor(
    private readonly params: Params,
    private readonly frozen?: Params,
  ) {}

  get dtype(): DType {
    return this.#first.dtype;
  }

  get device(): string {
    return this.#first.device;
  }

  parameters(): Map<string, Tensor> {
    return this.params.tensors;
  }

  buffers(): Map<string, Tensor> {
    const { tensors, buffers } = this.frozen ?? { tensors: [], buffers: [] };
    return new Map([...this.params.buffers, ...tensors, ...buffers]);
  }

  fixed(): ReadonlyMap<string, Tensor> {
    return this.frozen?.tensors ?? new Map<string, Tensor>();
  }

  dispose(): void {
    disposeParameters([...this.parameters().values(), ...this.buffers().values()]);
  }

  get #first(): Tensor {
    const [first] = this.params.tensors.values();
    if (first === undefined) throw new RocError("INTERNAL", "A network without weights.");
    return first;
  }
}

/** One whose network takes pixel values. */
export abstract class PixelsBaseline extends NetworkBaseline {
  /** @param pixels `[B, 3, H, W]` as the weights are @param inputs what came with them */
  protected abstract answer(pixels: Tensor, training: boolean, inputs: Inputs): Answer;

  forward(inputs: Inputs, training: boolean): Answer {
    const { pixelValues } = inputs;
    if (!pixelValues) throw new RocError("USAGE", "pixelValues are missing: give what inputs.batch() gives.");
    const { dtype, device } = this;
    return this.answer(pixelValues.to({ dtype, device }), training, inputs);
  }
}
