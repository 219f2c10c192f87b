/**
 * Scoring by one forward: the answer's text is known, so the prompt and the canonical answer with every T_p in place
 * go through the model at once, and only the T_s logits where a T_p is due are computed.
 *
 * It gives what {@link generate} gives wherever the model would have written that answer.
 */
import { RocError } from "../errors.js";
import { checkFinite } from "../generation/index.js";
import type { ImageBatch, Mllm, MllmProcessor } from "../models/types.js";
import { inferenceMode, scope, type Tensor } from "../torch/index.js";
import { idTensor } from "./ids.js";
import { readScore, type LogitReading } from "./reading.js";
import { renderAnswer, type RocTemplates } from "./template.js";
import { POSITION_TOKEN, type ScoreVocabulary } from "./vocabulary.js";

/**
 * All that scoring by the paper's method needs.
 *
 * @category The method
 */
export interface ScoringParts {
  /** The weights. */
  readonly model: Mllm;
  /** Pixels and text to the model's inputs. */
  readonly processor: MllmProcessor;
  /** Its score tokens: {@link vocabularyFromConfig}, or {@link addScoreTokens}. */
  readonly vocabulary: ScoreVocabulary;
  /** Its texts: {@link loadTemplates}, or {@link DEFAULT_TEMPLATES}. */
  readonly templates: RocTemplates;
}

/**
 * The scores of every image in a batch, `[image][T_p in reading order]`, by one forward for all of them (Eq. 5).
 *
 * The answer's text is known, so the prompt and the canonical answer with every T_p in place go through the model at once.
 * It gives what {@link generate} gives wherever the model would have written that answer.
 *
 * A sum's rounding may differ with the batch's size: where a score must not depend on its company, give one image at a
 * time. Opens its own scope; `images` stays the caller's.
 *
 * @throws RocError TOKENIZER_INVALID where the tokenizer does not give T_p the id that the config says; SCORE_NOT_FINITE
 *   where the logits are NaN or infinite
 *
 * @example
 * ```ts
 * import { DEFAULT_TEMPLATES, DEMO_MODEL, decodeImage, loadMllm, loadTemplates } from "roc4mllm";
 * import { scoreByPrefill, torch, vocabularyFromConfig } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * const templates = (await loadTemplates(DEMO_MODEL)) ?? DEFAULT_TEMPLATES;
 * const vocabulary = vocabularyFromConfig(model.config);
 * if (!vocabulary) throw new Error("no score tokens");
 * const image = await decodeImage("photo.jpg");
 * const [[reading] = []] = torch.scope(() =>
 *   scoreByPrefill({ model, processor, vocabulary, templates }, processor.images([image])),
 * );
 * console.log(reading?.distribution.length); // 10
 * model.dispose();
 * ```
 *
 * @category The method
 */
export function scoreByPrefill(parts: ScoringParts, images: ImageBatch): LogitReading[][] {
  const { model, vocabulary } = parts;
  const sequences = splitBatch(images).map((image) => sequenceOf(parts, image));
  return inferenceMode(() =>
    scope(() => {
      const { inputIds, attentionMask } = pad(sequences);
      const length = inputIds.size(1);
      const rows = sequences.flatMap(({ scorePositions }, index) => scorePositions.map((at) => index * length + at));
      const hidden = model.forward({ inputIds, images, rows, ...(attentionMask && { attentionMask }) });
      const logits = model.logits(hidden, vocabulary.scoreIds);
      return readings(logits.toNumbers(), sequences, parts);
    }),
  );
}

interface Sequence {
  /** Up to and without the last T_p: whatever follows cannot change a causal model's scores. */
  readonly ids: readonly number[];
  /** Positions whose next token is T_p. */
  readonly scorePositions: readonly number[];
}

function sequenceOf({ processor, vocabulary, templates }: ScoringParts, image: ImageBatch | undefined): Sequence {
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  const { text, scoreNames } = renderAnswer(answer);
  const promptIds = processor.prompt(prompt, image);
  const answerIds = processor.answer(text);
  const before = promptIds.length - 1;
  const scorePositions = answerIds.flatMap((id, index) => (id === vocabulary.positionId ? [before + index] : []));
  const last = scorePositions.at(-1);
  if (last === undefined || scorePositions.length !== scoreNames.length) {
    const found = `"${text}" gives ${scorePositions.length} times id ${vocabulary.positionId}, not ${scoreNames.length}`;
    const remedy = `The tokenizer's files must hold ${POSITION_TOKEN} with the id that config.json calls score_id.`;
    throw new RocError("TOKENIZER_INVALID", `The canonical answer ${found}. ${remedy}`);
  }
  return { ids: [...promptIds, ...answerIds].slice(0, last + 1), scorePositions };
}

/** What the prompt of each image needs to know: its grid, in the families that have one. */
function splitBatch({ pixelValues, imageGridThw }: ImageBatch): (ImageBatch | undefined)[] {
  if (!imageGridThw) return Array.from({ length: pixelValues.size(0) }, () => undefined);
  return imageGridThw.map((grid) => ({ pixelValues, imageGridThw: [grid] }));
}

/** Rows of one length: padded at the end, where a causal model does not look. No mask where nothing is padded. */
function pad(sequences: readonly Sequence[]): { inputIds: Tensor; attentionMask: Tensor | undefined } {
  const longest = Math.max(...sequences.map((sequence) => sequence.ids.length));
  const shape = [sequences.length, longest];
  const fill = (row: readonly number[]): number[] => [...row, ...new Array<number>(longest - row.length).fill(0)];
  const inputIds = idTensor(
    sequences.flatMap((sequence) => fill(sequence.ids)),
    "cpu",
    shape,
  );
  if (sequences.every((sequence) => sequence.ids.length === longest)) return { inputIds, attentionMask: undefined };
  const mask = sequences.flatMap((sequence) => fill(sequence.ids.map(() => 1)));
  return { inputIds, attentionMask: idTensor(mask, "cpu", shape) };
}

function readings(
  logits: readonly number[],
  sequences: readonly Sequence[],
  { model, vocabulary }: ScoringParts,
): LogitReading[][] {
  checkFinite(logits, model);
  const n = vocabulary.scoreIds.length;
  let next = 0;
  const read = (): LogitReading => readScore(logits.slice(next * n, ++next * n), vocabulary);
  return sequences.map(({ scorePositions }) => scorePositions.map(read));
}
