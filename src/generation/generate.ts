/**
 * Generation for every model family: token by token with a key-value cache, for a batch of prompts at once. The one
 * loop; whatever else writes text uses it.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { RocError } from "../errors.js";
import type { Mllm } from "../models/types.js";
import { inferenceMode, keep, scope, stack, type Tensor } from "../torch/index.js";
import { Decoder, decodingOf, type Decoding } from "./decode.js";
import { Sampler } from "./sampler.js";
import { notFinite } from "./finite.js";
import { checkOptions, checkPrompts } from "./options.js";
import { Sequence } from "./sequence.js";
import type { GeneratedSequence, GenerationOptions, GenerationStep, Prompt } from "./types.js";

/**
 * Yields the tokens of all prompts step by step and returns the sequences. Each of them ends by itself; the last step
 * ends the last one. Computes on this thread: {@link generateStream} gives others a turn.
 *
 * Its own cache is freed at the end, at an error, and where the consumer leaves.
 *
 * @param decoding default: what suits the model's device
 * @throws RocError USAGE for options that make no sense; SCORE_NOT_FINITE where logits are NaN or infinite; ABORTED where
 *   the signal fired
 */
export function* generateSteps(
  model: Mllm,
  prompts: readonly Prompt[],
  options: GenerationOptions = {},
  decoding?: Decoding,
): Generator<GenerationStep, GeneratedSequence[], void> {
  const settings = checkOptions(options);
  // Scoring keeps to what a model was trained on.
  const isFree = model.stretches && settings.maxLength === undefined;
  checkPrompts(prompts, isFree ? undefined : model.maxPositions);
  const { padId = 0, signal, onStep, maxLength = Infinity } = settings;
  const before = settings.cache?.length ?? 0;
  const rooms = prompts.map(({ ids }) => Math.max(1, Math.min(settings.maxNewTokens, maxLength - before - ids.length)));
  const maxNewTokens = Math.max(...rooms);
  const sequences = rooms.map((room, row) => new Sequence(row, { ...settings, maxNewTokens: room }));
  const seen = prompts.map((prompt) => prompt.seen ?? prompt.ids);
  using sampler = new Sampler(seen, model.vocabSize, settings, model.device);
  const how = decoding ?? decodingOf(model.device, maxNewTokens);
  using decoder = new Decoder(model, prompts, sampler, { padId, maxNewTokens, cache: settings.cache }, how);
  for (let index = 0; sequences.some(({ finished }) => !finished); index++) {
    if (signal?.aborted) throw new RocError("ABORTED", "Generation was cancelled", { cause: signal.reason });
    const tokenIds = inferenceMode(() =>
      scope(() => {
        const { logits, ids, finite } = index === 0 ? decoder.first() : decoder.next(sequences.map(({ next }) => next));
        checkRows(finite, sequences, model);
        onStep?.({ index, logits, tokenIds: ids });
        return ids;
      }),
    );
    yield { index, tokens: sequences.flatMap((sequence, row) => sequence.push(tokenIds[row] ?? padId)) };
  }
  return sequences.map((sequence) => sequence.result());
}

/**
 * Yields the tokens of all prompts step by step and returns the sequences, with a turn of the event loop before every
 * step, so that timers, requests and the signal are served while a model writes. Each sequence ends by itself; the last
 * step ends the last one. The cache is freed at the end, at an error, and where the consumer leaves.
 *
 * @param prompts B of them, of any lengths; their `images` must stay alive until the first step
 * @throws RocError USAGE for options that make no sense, or no prompt; SCORE_NOT_FINITE where logits are NaN or infinite;
 *   ABORTED where the signal fired
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, generateStream, loadMllm, readGenerationConfig } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * const { tokenizer, endTokenId } = processor;
 * const wishes = await readGenerationConfig(DEMO_MODEL);
 * const stopIds = [...(wishes.stopIds ?? []), endTokenId];
 * const options = { ...wishes, tokenizer, stopIds, maxNewTokens: 8 };
 * let steps = 0;
 * for await (const { tokens } of generateStream(model, [{ ids: tokenizer.encode("The image") }], options)) {
 *   for (const { text } of tokens) process.stdout.write(text);
 *   steps += 1;
 * }
 * console.log(steps > 0 && steps <= 8); // true
 * model.dispose();
 * ```
 *
 * @category Generation
 */
export function generateStream(
  model: Mllm,
  prompts: readonly Prompt[],
  options: GenerationOptions = {},
): AsyncGenerator<GenerationStep, GeneratedSequence[], void> {
  return inTurns(generateSteps(model, prompts, options));
}

/** All at once: the sequences, in the order of the prompts. Throws as {@link generateSteps}. */
export function generate(
  model: Mllm,
  prompts: readonly Prompt[],
  options: GenerationOptions = {},
): GeneratedSequence[] {
  const steps = generateSteps(model, prompts, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * {@link generate} and the logits that every step chose from, `[steps, batch, vocabSize]`, the caller's. Those of a
 * sequence that has ended mean nothing.
 */
export function generateWithLogits(
  model: Mllm,
  prompts: readonly Prompt[],
  options: GenerationOptions = {},
): { sequences: GeneratedSequence[]; stepLogits: Tensor } {
  const logits: Tensor[] = [];
  try {
    const onStep: GenerationOptions["onStep"] = (step) => {
      logits.push(keep(step.logits.clone()));
      options.onStep?.(step);
    };
    const sequences = generate(model, prompts, { ...options, onStep });
    return { sequences, stepLogits: stack(logits) };
  } finally {
    for (const tensor of logits) tensor.dispose();
  }
}

/** A generator's steps, a turn of the event loop before each. Ends the generator where the consumer leaves. */
export async function* inTurns<Step, Result>(steps: Generator<Step, Result, void>): AsyncGenerator<Step, Result, void> {
  const iterator: Iterator<Step, Result, void> = steps;
  try {
    for (;;) {
      await nextTurn();
      const { done, value } = iterator.next();
      if (done) return value;
      yield value;
    }
  } finally {
    iterator.return?.();
  }
}

/** @throws RocError SCORE_NOT_FINITE where the logits of a sequence that continues are not finite */
function checkRows(finite: readonly boolean[], sequences: readonly Sequence[], model: Mllm): void {
  if (sequences.some(({ finished }, row) => !finished && finite[row] === false)) throw notFinite(model);
}
