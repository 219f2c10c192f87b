/**
 * Parameters by path: only a model's constructor states their names and shapes.
 *
 * A module calls `params.at("layers", 3).get("weight", shape, init)`; the source of the root decides where the tensor
 * comes from (a checkpoint, a random generator, a Map).
 */
import { RocError } from "../errors.js";
import { fromTypedArray, full, keep, noGrad, rand, RandomStream, randn, scope } from "../torch/index.js";
import type { Device, DType, Tensor } from "../torch/index.js";

/**
 * Initialisation of a parameter that is not read: constants, a normal distribution around 0 with that standard deviation,
 * a uniform one between two bounds, or a table of its values.
 *
 * @category Checkpoints and models
 */
export type Init = "zeros" | "ones" | InitNormal | InitUniform | InitTable;

/**
 * A normal distribution around 0.
 *
 * @category Checkpoints and models
 */
export interface InitNormal {
  /** Its standard deviation. */
  readonly std: number;
}

/**
 * A uniform distribution around 0. PyTorch's own of linear maps and convolutions is that up to `inputs ** -0.5`, of the weight
 * and of the bias.
 *
 * @category Checkpoints and models
 */
export interface InitUniform {
  /** The values lie between `-bound` and `bound`. */
  readonly bound: number;
}

/**
 * A parameter's values where they are computed.
 *
 * @category Checkpoints and models
 */
export interface InitTable {
  /** The values row by row; called when they are needed. */
  readonly table: () => Float32Array;
}

/**
 * What a parameter is for, where a source may care: "linear", the weight of a linear map, which a source may give as int8;
 * "scales", the factors of the rows of such a weight, float32.
 *
 * @category Checkpoints and models
 */
export type ParamUse = "linear" | "scales";

/**
 * Where parameters come from: {@link randomSource}, {@link mapSource}, a checkpoint's files, or one of your own.
 *
 * @category Checkpoints and models
 */
export interface ParamSource {
  /**
   * A tensor of that shape, which outlives the open scope and belongs to the caller.
   *
   * @param name full name of the parameter, as transformers has it
   * @param init how it starts where nothing is read
   * @param use what it is for; undefined: anything else
   */
  take(name: string, shape: readonly number[], init: Init, use?: ParamUse): Tensor;
}

/** A node in the tree of parameters. */
export class Params {
  /**
   * @param path names from the root to here, joined by dots
   * @param tensors every parameter taken so far in the whole tree, by name
   * @param buffers as {@link buffer} has given them, of the whole tree, by name
   */
  constructor(
    private readonly source: ParamSource,
    private readonly path = "",
    readonly tensors: Map<string, Tensor> = new Map(),
    readonly buffers: Map<string, Tensor> = new Map(),
  ) {}

  /** The child: `at("layers", 3)` is `layers.3`. */
  at(...parts: readonly (string | number)[]): Params {
    return new Params(this.source, this.nameOf(parts.join(".")), this.tensors, this.buffers);
  }

  /** The parameter of that name, taken from the source and registered. */
  get(name: string, shape: readonly number[], init: Init, use?: ParamUse): Tensor {
    return this.#take(this.tensors, name, shape, init, use);
  }

  /** As {@link get}, for what a checkpoint holds and nothing trains: running statistics. */
  buffer(name: string, shape: readonly number[], init: Init): Tensor {
    return this.#take(this.buffers, name, shape, init);
  }

  /** Puts another tensor in the place of a parameter of this node, or adds one; the one before is not freed. */
  put(name: string, tensor: Tensor): void {
    this.tensors.set(this.nameOf(name), tensor);
  }

  /** The full name of a parameter of this node. */
  nameOf(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  #take(into: Map<string, Tensor>, name: string, shape: readonly number[], init: Init, use?: ParamUse): Tensor {
    const full = this.nameOf(name);
    if (this.tensors.has(full) || this.buffers.has(full)) {
      throw new RocError("INTERNAL", `The parameter ${full} is requested twice.`);
    }
    const tensor = this.source.take(full, shape, init, use);
    into.set(full, tensor);
    return tensor;
  }
}

/** Standard deviation that preserves the scale from input to output of a linear layer. */
export function fanIn(inputs: number): InitNormal {
  return { std: inputs ** -0.5 };
}

/**
 * Randomly initialised parameters.
 *
 * The same seed gives the same model: the model's constructor draws its parameters in its own order, in float32 on the CPU
 * whatever the dtype and device.
 *
 * @param options `seed`: a whole number; `dtype`: default float32; `device`: default "cpu"
 *
 * @category Checkpoints and models
 */
export function randomSource(options: { seed: number; dtype?: DType; device?: Device }): ParamSource {
  const { seed, dtype = "float32", device = "cpu" } = options;
  const random = new RandomStream(seed);
  const draw = (shape: readonly number[], init: Init): Tensor => {
    if (init === "zeros") return full(shape, 0, { dtype, device });
    if (init === "ones") return full(shape, 1, { dtype, device });
    if ("table" in init) return fromTypedArray(init.table(), shape, { dtype, device });
    // Drawn in float32 on the CPU, so that dtype and device do not change the numbers.
    const drawn = random.run(() =>
      "bound" in init
        ? rand(shape)
            .sub_(0.5)
            .mul_(2 * init.bound)
        : randn(shape).mul_(init.std),
    );
    return drawn.to({ dtype, device });
  };
  return {
    take(_name, shape, init) {
      return keep(noGrad(() => scope(() => draw(shape, init))));
    },
  };
}

/**
 * Copies of the tensors of a Map by the parameters' names, as {@link Mllm.parameters} gives them.
 *
 * @throws RocError (when a parameter is taken) CHECKPOINT_MISMATCH where one is missing or of another shape
 *
 * @category Checkpoints and models
 */
export function mapSource(tensors: ReadonlyMap<string, Tensor>): ParamSource {
  return {
    take(name, shape) {
      const found = tensors.get(name);
      if (found === undefined) throw new RocError("CHECKPOINT_MISMATCH", `The parameter ${name} is missing.`);
      if (found.shape.join() !== shape.join()) {
        const shapes = `[${found.shape.join(", ")}], not [${shape.join(", ")}]`;
        throw new RocError("CHECKPOINT_MISMATCH", `The parameter ${name} has the shape ${shapes}.`);
      }
      return keep(noGrad(() => found.clone()));
    },
  };
}
