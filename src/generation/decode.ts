/** The forwards of a generation: the prompts at once, then a token a sequence at a time. */
import type { Cache, Mllm, MllmInput } from "../models/types.js";
import { keep, tensor, type Tensor } from "../torch/index.js";
import { batchOf } from "./batch.js";
import { Recorded, recorderOf, type Recorder } from "./recorded.js";
import type { Choice, Sampler } from "./sampler.js";
import type { GenerationOptions, Prompt } from "./types.js";

/** Room for new tokens in a cache with a capacity, to begin with: more comes when it is needed. */
const FIRST_ROOM = 256;

/** A recording takes about as long as three steps. */
const LEAST_STEPS = 8;

/** How tokens are fed; a test's, or what suits the model's device. */
export interface Decoding {
  /** Whether the cache has a capacity, so that every step has the same shapes. */
  readonly fixed: boolean;
  readonly recorder?: Recorder | undefined;
  /** As {@link FIRST_ROOM}. */
  readonly room?: number | undefined;
}

/** Fixed and recorded where that is possible; else a cache that grows, in which a step computes on what is there only. */
export function decodingOf(device: string, maxNewTokens: number): Decoding {
  const recorder = maxNewTokens > LEAST_STEPS ? recorderOf(device) : undefined;
  return { fixed: recorder !== undefined, recorder };
}

/** What a step has given. The logits, `[batch, vocabSize]`, are valid until the next one, inside the scope of this one. */
export interface Decoded extends Choice {
  readonly logits: Tensor;
}

type FixedCache = Cache & Required<Pick<Cache, "reserve" | "step">> & { readonly capacity: number };

function isFixed(cache: Cache): cache is FixedCache {
  return cache.capacity !== undefined;
}

/** The forwards of one batch. Every method is to be called inside a scope and in inference mode. */
export class Decoder implements Disposable {
  readonly #cache: Cache;
  readonly #ownsCache: boolean;
  /** `[batch, 1]`: the tokens of the next step, where the cache has a capacity. */
  #ids: Tensor | undefined;
  #recorded: Recorded<{ readonly logits: Tensor; readonly picked: Tensor }> | undefined;

  constructor(
    private readonly model: Mllm,
    private readonly prompts: readonly Prompt[],
    private readonly sampler: Sampler,
    private readonly options: Pick<GenerationOptions, "cache"> & {
      readonly padId: number;
      readonly maxNewTokens: number;
    },
    private readonly decoding: Decoding,
  ) {
    const { maxNewTokens } = options;
    const longest = Math.max(...prompts.map(({ ids }) => ids.length));
    const capacity = longest + Math.min(maxNewTokens, decoding.room ?? FIRST_ROOM);
    this.#cache = options.cache ?? (decoding.fixed ? model.newCache({ capacity }) : model.newCache());
    this.#ownsCache = options.cache === undefined;
  }

  first(): Decoded {
    const { model, prompts, options, sampler } = this;
    const logits = lastLogits(model, batchOf(prompts, options.padId, "cpu"), this.#cache);
    sampler.prepare();
    const picked = sampler.pick(logits);
    if (isFixed(this.#cache)) this.#ids = keep(nextIds(picked).clone());
    return { logits, ...sampler.read(picked) };
  }

  /** @param tokens of each sequence; undefined: it has ended. (With a capacity, what was chosen is fed in any case.) */
  next(tokens: readonly (number | undefined)[]): Decoded {
    const { model, sampler, options } = this;
    const cache = this.#cache;
    sampler.prepare();
    if (isFixed(cache) && this.#ids) {
      const { logits, picked } = this.#step(cache, this.#ids);
      return { logits, ...sampler.read(picked) };
    }
    const rows = tokens.map((token) => [token ?? options.padId]);
    const logits = lastLogits(model, { inputIds: tensor(rows, { dtype: "int64", device: model.device }) }, cache);
    return { logits, ...sampler.read(sampler.pick(logits)) };
  }

  [Symbol.dispose](): void {
    this.#recorded?.[Symbol.dispose]();
    this.#ids?.dispose();
    if (this.#ownsCache) this.#cache.dispose();
  }

  #step(cache: FixedCache, ids: Tensor): { readonly logits: Tensor; readonly picked: Tensor } {
    if (cache.length === cache.capacity) {
      cache.reserve(cache.capacity + Math.max(FIRST_ROOM, cache.capacity >> 1));
      this.#recorded?.[Symbol.dispose]();
      this.#recorded = undefined;
    }
    this.#recorded ??= new Recorded(() => {
      const logits = lastLogits(this.model, { inputIds: ids }, cache);
      const picked = this.sampler.pick(logits);
      ids.copy_(nextIds(picked));
      return { logits, picked };
    }, this.decoding.recorder);
    const recorded = this.#recorded;
    return cache.step(() => recorded.run());
  }
}

/** `[batch, 1]` */
function nextIds(picked: Tensor): Tensor {
  return picked.select(0, 0).unsqueeze(1);
}

/** Of the token after the last position, `[batch, vocabSize]`. As in transformers, tokens are chosen in float32. */
function lastLogits(model: Mllm, input: MllmInput, cache: Cache): Tensor {
  const [batch = 0, T = 0] = input.inputIds.shape;
  const rows = T > 1 ? Array.from({ length: batch }, (_, b) => (b + 1) * T - 1) : undefined;
  const logits = model.logits(model.forward({ ...input, rows }, cache).view(batch, model.hiddenSize));
  return logits.dtype === "float64" ? logits : logits.to("float32");
}
