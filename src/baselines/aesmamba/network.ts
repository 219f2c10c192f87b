/** AesMamba's network for pictures alone (VIAA): VMamba, an adapter, and two heads: the score, and classes for the loss. */
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, type Tensor } from "../../torch/index.js";
import type { AesMambaConfig } from "./config.js";
import { VMamba } from "./vmamba.js";

const relu = aten("relu");

const HIDDEN = 256;

/** Two linear maps, as `0` and `2` of a Sequential. */
class Maps {
  readonly #first: Linear;
  readonly #second: Linear;

  constructor(
    params: Params,
    sizes: readonly [inputs: number, hidden: number, outputs: number],
    private readonly activation: (x: Tensor) => Tensor = relu,
  ) {
    const [inputs, hidden, outputs] = sizes;
    const options = { bias: true, init: { std: 0.02 } };
    this.#first = new Linear(params.at(0), inputs, hidden, options);
    this.#second = new Linear(params.at(2), hidden, outputs, options);
  }

  forward(x: Tensor): Tensor {
    return this.#second.forward(this.activation(this.#first.forward(x)));
  }
}

export class AesMambaNetwork {
  readonly params: Params;
  readonly #backbone: VMamba;
  readonly #adapter: Maps;
  readonly #score: Maps;
  readonly #classes: Maps;

  constructor(source: ParamSource, { sizes, score, classes }: AesMambaConfig) {
    const params = new Params(source);
    this.params = params;
    this.#backbone = new VMamba(params.at("img_model"), sizes);
    const width = sizes.dims.at(-1) as number;
    const head = params.at("pred_head.aesthetic_head");
    // The authors' spelling.
    this.#adapter = new Maps(head.at("adatper"), [width, Math.floor(width / 4), width], (x) => x.gelu());
    this.#score = new Maps(head.at("heads"), [width, HIDDEN, score.values?.length ?? 1]);
    this.#classes = new Maps(head.at("classes_heads"), [width, HIDDEN, classes]);
  }

  /**
   * @param pixels `[B, 3, H, W]`
   * @returns `predicted`: `[B, bins]`, or `[B, 1]`, before any softmax; `classes`: `[B, classes]`, logits; `features`: `[B, width]`
   */
  forward(pixels: Tensor): { predicted: Tensor; classes: Tensor; features: Tensor } {
    const seen = this.#backbone.forward(pixels);
    const features = seen.add(this.#adapter.forward(seen));
    return { predicted: this.#score.forward(features), classes: this.#classes.forward(features), features };
  }
}
