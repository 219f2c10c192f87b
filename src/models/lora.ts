/** Adapters on a model's linear maps: which maps get one, and what becomes of them when the weights are written. */
import { RocError } from "../errors.js";
import { freshAdapter, type Linear, linearOf, type LoraAdapter, type LoraShape } from "../nn/index.js";
import { keep, noGrad, RandomStream, scope, type Tensor } from "../torch/index.js";
import type { Mllm } from "./types.js";

/**
 * Which adapters (arXiv 2106.09685) a model gets.
 *
 * @category Training
 */
export interface LoraOptions {
  /** Rank of an adapter's matrices, from 1. */
  readonly rank: number;
  /** What an adapter adds is scaled by `alpha / rank`. */
  readonly alpha: number;
  /** Share of an adapter's inputs that training zeroes, in [0, 1). Default 0. */
  readonly dropout?: number;
  /** Scale by `alpha / sqrt(rank)` instead. Default false. */
  readonly rslora?: boolean;
  /**
   * The linear maps to adapt, over the names that transformers gives modules in memory (`transformersName`): "all-linear";
   * a regular expression that must match a whole name; or last parts of names, as ["q_proj", "v_proj"].
   */
  readonly targets: string | readonly string[];
}

const ALL_LINEAR = "all-linear";

/** A model's linear maps by their public names, in the order of its parameters. The output head is none of them. */
export function linearMaps(model: Mllm): Map<string, Linear> {
  const maps = [...model.parameters()].flatMap(([name, tensor]) => {
    const map = linearOf(tensor);
    return map && name.endsWith(".weight") ? [[name.slice(0, -".weight".length), map] as const] : [];
  });
  return new Map(maps);
}

/** What transformers, and so peft, calls a module of a public name. */
export function memoryName(model: Mllm, module: string): string {
  const name = `${module}.weight`;
  return (model.transformersName?.(name) ?? name).slice(0, -".weight".length);
}

/**
 * Gives the chosen maps adapters that change nothing yet, with numbers drawn from `seed`.
 * @throws RocError USAGE where an option makes no sense or a target is no linear map of the model
 */
export function attachLora(model: Mllm, options: LoraOptions, seed: number): LoraAdapters {
  const shape = loraShape(options);
  const chosen = chooseMaps(model, options.targets);
  for (const map of chosen.values()) map.requirePlain("An adapter cannot be trained on");
  const { device } = model;
  const adapters = new RandomStream(seed).run(() =>
    [...chosen].map(([name, map], index) => {
      const [outputs = 0, inputs = 0] = map.weight.shape;
      return [name, map, freshAdapter([outputs, inputs], shape, { device, index })] as const;
    }),
  );
  return new LoraAdapters(options, adapters);
}

/** @throws RocError USAGE naming the option that makes no sense */
export function loraShape({ rank, alpha, dropout = 0, rslora = false }: Omit<LoraOptions, "targets">): LoraShape {
  const wrong = (what: string): RocError => new RocError("USAGE", `LoRA: ${what}.`);
  if (!Number.isInteger(rank) || rank < 1) throw wrong(`the rank is ${rank}; give a whole number from 1`);
  if (!Number.isFinite(alpha)) throw wrong(`alpha is ${alpha}; give a number`);
  if (!(dropout >= 0 && dropout < 1)) throw wrong(`the dropout is ${dropout}; give a share in [0, 1)`);
  return { rank, alpha, dropout, rslora };
}

/**
 * The linear maps that targets choose, by their public names.
 * @throws RocError USAGE where a target is none of them, or no regular expression
 */
export function chooseMaps(model: Mllm, targets: LoraOptions["targets"]): Map<string, Linear> {
  const maps = linearMaps(model);
  if (targets === ALL_LINEAR) return maps;
  const tests = typeof targets === "string" ? [wholeMatch(targets)] : targets.map(lastParts);
  const named = [...maps].map(([name, map]) => ({ name, map, path: memoryName(model, name) }));
  const idle = tests.findIndex((test) => !named.some(({ path }) => test(path)));
  if (idle >= 0 || tests.length === 0) {
    const target = typeof targets === "string" ? targets : (targets[idle] ?? "");
    const known = [...new Set(named.map(({ path }) => path.split(".").at(-1)))].join(", ");
    const whole = [named[0], named.at(-1)].map((one) => one?.path).join(" and ");
    throw new RocError(
      "USAGE",
      `LoRA targets (train.lora.targets, --lora-targets): no linear map of this model is called "${target}". ` +
        `Last parts are ${known}; whole names are as ${whole}.`,
    );
  }
  return new Map(named.filter(({ path }) => tests.some((test) => test(path))).map(({ name, map }) => [name, map]));
}

type Test = (path: string) => boolean;

function wholeMatch(pattern: string): Test {
  try {
    const expression = new RegExp(`^(?:${pattern})$`, "u");
    return (path) => expression.test(path);
  } catch (cause) {
    throw new RocError(
      "USAGE",
      `LoRA: the target "${pattern}" (train.lora.targets, --lora-targets) is no regular expression.`,
      { cause },
    );
  }
}

function lastParts(target: string): Test {
  return (path) => path === target || path.endsWith(`.${target}`);
}

/** A linear map's public name, the map and its adapter. */
export type Adapted = readonly [name: string, map: Linear, adapter: LoraAdapter];

/** The adapters of a model. The maps' own weights stay as they are until {@link merge}. */
export class LoraAdapters {
  /** Puts each adapter on its map, and owns it from now on. */
  constructor(
    readonly options: LoraOptions,
    readonly adapted: readonly Adapted[],
  ) {
    for (const [, map, adapter] of adapted) map.adapter = adapter;
  }

  /** By peft's names below the public name of the map: `….q_proj.lora_A.weight`. */
  parameters(): Map<string, Tensor> {
    const named = this.adapted.flatMap(([name, , { a, b }]) => [
      [`${name}.lora_A.weight`, a] as const,
      [`${name}.lora_B.weight`, b] as const,
    ]);
    return new Map(named);
  }

  /**
   * Adds every adapter to its map's weight for good, and frees it.
   *
   * @param take may take a merged weight, in float32 and freed afterwards, in its own way, and gives back whether it has
   */
  merge(take?: (map: Linear, merged: Tensor) => boolean): void {
    this.#requirePlain();
    for (const [, map, adapter] of this.adapted) {
      const merged = (): Tensor => map.weight.to("float32").add(adapter.delta());
      const taken = take !== undefined && noGrad(() => scope(() => take(map, merged())));
      if (!taken) addDelta(map, adapter);
    }
    this.dispose();
  }

  /** Runs `body` with merged weights; afterwards they are the old ones to the last bit. Holds a copy of each meanwhile. */
  async whileMerged<T>(body: () => Promise<T>): Promise<T> {
    this.#requirePlain();
    const copies = this.adapted.map(([, map]) => keep(noGrad(() => map.weight.clone())));
    for (const [, map, adapter] of this.adapted) addDelta(map, adapter);
    try {
      return await body();
    } finally {
      this.adapted.forEach(([, map, adapter], i) => {
        const copy = copies[i] as Tensor;
        noGrad(() => map.weight.copy_(copy));
        copy.dispose();
        map.adapter = adapter;
      });
    }
  }

  #requirePlain(): void {
    for (const [, map] of this.adapted) map.requirePlain("An adapter cannot be merged into");
  }

  /** Takes the adapters off their maps and frees them. */
  dispose(): void {
    for (const [, map, adapter] of this.adapted) {
      map.adapter = null;
      adapter.dispose();
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function addDelta(map: Linear, adapter: LoraAdapter): void {
  map.adapter = null;
  noGrad(() => scope(() => void map.weight.add_(adapter.delta().to(map.weight.dtype))));
}
