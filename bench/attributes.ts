/**
 * Many questions about one picture, here in several ways, in turn and in one run: eleven attributes in one answer, read from one
 * forward or written token by token; and a score, the attributes, a comment and three prompts together or one by one.
 *
 *   npm run bench:attributes [-- --rounds 7] [--dtype float32] [--device cpu] [--words 16] [--json] [--out FILE.json] [--quick]
 *
 * The model is the LLaVA of 31 million parameters of bench:score. Its weights are random, so that it is made to write the
 * canonical answer: the loop of generation is the same, and both ways have the same tokens. --words is the length of a comment
 * and of an answer in words, in tokens; --quick takes a tiny model.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadMllm } from "../src/models/registry.js";
import type { ImageBatch } from "../src/models/types.js";
import { Pictures } from "../src/roc/pictures.js";
import { readByPrefill } from "../src/roc/prefill.js";
import {
  generate,
  readAnswers,
  readPictures,
  readQuestions,
  renderAnswer,
  rocStrategy,
  scoreByPrefill,
  vocabularyFromConfig,
  type Question,
  type RocTemplates,
  type ScoringParts,
  type StrategyParts,
} from "../src/roc/index.js";
import { getNumThreads, manualSeed, randn, scope, torchVersion, type DType } from "../src/torch/index.js";
import { median } from "./peer.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";
import { TINY_LLAVA, writeSmallLlava } from "./small-llava.js";

/** AADB's (arXiv 1606.01621). */
const ATTRIBUTES = ["balancing elements", "color harmony", "content", "depth of field", "light", "motion blur", "object emphasis", "repetition", "rule of thirds", "symmetry", "vivid color"]; // prettier-ignore

const PROMPTS = ["<image>\nWhat is in the picture?", "<image>\nWhat could be better?", "<image>\nWhere was it taken?"];
const TEMPLATES: RocTemplates = {
  prompts: ["<image>\nCould you evaluate the aesthetics of this image?", ...PROMPTS],
  answers: [
    "The aesthetic rate of the image is {overall}. ",
    `${ATTRIBUTES.map((name) => `${name} {${name.replaceAll(" ", "_")}}`).join(", ")}, and all in all {overall}.`,
    "The rate is {overall}, for {comment}",
  ],
};
const [, ALL = "", COMMENTED = ""] = TEMPLATES.answers;

interface Parts extends StrategyParts, ScoringParts {}

interface Row {
  readonly what: string;
  /** Medians of seconds. */
  readonly fast: number;
  readonly slow: number;
  /** Median of the rounds' ratios: how often as fast. */
  readonly times: number;
}

export interface AttributesBench {
  readonly machine: string | undefined;
  readonly cores: number;
  readonly threads: number;
  readonly device: string;
  readonly dtype: string;
  readonly torch: string;
  readonly rounds: number;
  readonly parameters: number;
  /** Tokens of the prompt with its picture, and of the answer with eleven attributes. */
  readonly prompt: number;
  readonly answer: number;
  readonly words: number;
  /** How far the two ways' scores lie apart at most, 1 to 10. */
  readonly apart: number;
  readonly rows: readonly Row[];
}

export interface AttributesBenchOptions {
  readonly rounds?: number | undefined;
  readonly dtype?: DType | undefined;
  readonly device?: string | undefined;
  readonly words?: number | undefined;
  readonly quick?: boolean | undefined;
}

export async function benchAttributes(options: AttributesBenchOptions = {}): Promise<AttributesBench> {
  const { rounds = 7, device = "cpu", words = 16, quick = false } = options;
  const { dtype = device === "cpu" ? "float32" : "bfloat16" } = options;
  const folder = mkdtempSync(join(tmpdir(), "roc-attributes-"));
  try {
    const parameters = await writeSmallLlava(folder, quick ? TINY_LLAVA : undefined, TEMPLATES);
    const { model, processor } = await loadMllm(folder, { dtype, device });
    const vocabulary = vocabularyFromConfig(model.config);
    if (!vocabulary) throw new Error("bench: the model has no score tokens");
    const parts = { model, processor, vocabulary, templates: TEMPLATES, strategy: rocStrategy(vocabulary) };
    const { image_size: side = 0 } = model.config["vision_config"] as Record<string, number>;
    manualSeed(1);
    const images = { pixelValues: randn([1, 3, side, side]) };
    try {
      const ids = processor.prompt(TEMPLATES.prompts[0] ?? "");
      const { length: answer } = processor.answer(renderAnswer(ALL).text);
      const { rows, apart } = measure(parts, images, rounds, words);
      const where = { machine: cpus()[0]?.model, cores: cpus().length, threads: getNumThreads(), device, dtype, torch: torchVersion() }; // prettier-ignore
      return { ...where, rounds, parameters, prompt: ids.length, answer, words, apart, rows };
    } finally {
      images.pixelValues.dispose();
      model.dispose();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two ways to the same, and what they read. */
interface Pair {
  readonly what: string;
  readonly fast: () => readonly number[];
  readonly slow: () => readonly number[];
}

function measure(parts: Parts, images: ImageBatch, rounds: number, words: number): { rows: Row[]; apart: number } {
  let apart = 0;
  using held = new Pictures(parts.model, images);
  const rows = pairsOf(parts, images, held, words).map(({ what, fast, slow }): Row => {
    const times: (readonly [number, number])[] = [];
    for (let round = 0; round <= rounds; round++) {
      const [quick, slowly] = [timed(fast), timed(slow)];
      quick.values.forEach((value, i) => (apart = Math.max(apart, Math.abs(value - (slowly.values[i] ?? NaN)))));
      if (round > 0) times.push([quick.seconds, slowly.seconds]);
    }
    const of = (value: (one: readonly [number, number]) => number): number => median(times.map(value));
    return { what, fast: of(([a]) => a), slow: of(([, b]) => b), times: of(([a, b]) => b / a) };
  });
  return { rows, apart };
}

function timed(run: () => readonly number[]): { readonly seconds: number; readonly values: readonly number[] } {
  const begin = performance.now();
  const values = scope(run);
  return { seconds: (performance.now() - begin) / 1000, values };
}

/** @param held the picture; its prompt is read before anything is timed */
function pairsOf(parts: Parts, images: ImageBatch, held: Pictures, words: number): Pair[] {
  const { processor } = parts;
  const asking = { ...parts, templates: { ...TEMPLATES, answers: [ALL] } };
  const values = (readings: readonly (readonly { readonly value: number }[])[]): number[] => readings.flat().map(({ value }) => value); // prettier-ignore
  const answer = [...processor.answer(renderAnswer(ALL).text), processor.endTokenId];
  const whole = (): number[] => {
    const steps = generate(asking, images, { maxTokens: answer.length });
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value.scores.map((score) => score.value);
    }
  };
  const written = (): number[] => {
    const [[reading] = []] = readQuestions(parts, held, [{ maxTokens: answer.length }]);
    return (reading?.scores ?? []).map((score) => score?.value ?? NaN);
  };
  readByPrefill(parts, held);
  const questions: readonly Question[] = [
    { answer: ALL },
    { answer: COMMENTED },
    ...PROMPTS.map((prompt) => ({ prompt, maxTokens: words })),
  ];
  const short = <T>(run: () => T): T => ending(parts, words, run);
  const flat = (readings: readonly { readonly scores: readonly ({ readonly value: number } | null)[] }[]): number[] => readings.flatMap(({ scores }) => scores.map((score) => score?.value ?? NaN)); // prettier-ignore
  return [
    {
      what: "eleven attributes in one answer, from the pixels: prefill, generation",
      fast: () => values(scoreByPrefill(asking, images)),
      slow: () => writing(parts, answer, whole),
    },
    {
      what: "the same behind a score of the picture that was read: prefill, generation",
      fast: () => values(readByPrefill(asking, held)),
      slow: () => writing(parts, answer, written),
    },
    {
      what: "score and eleven attributes: together, one by one",
      fast: () => readPictures(parts, images, { questions: [{ answer: ALL }] }).flatMap(({ answer: own, questions: others }) => flat([own, ...others])), // prettier-ignore
      slow: () => [...flat(readAnswers(parts, images)), ...flat(readAnswers(asking, images))],
    },
    {
      what: "score, attributes, comment, three prompts: together, one by one",
      fast: () => short(() => readPictures(parts, images, { questions }).flatMap(({ answer: own, questions: others }) => flat([own, ...others]))), // prettier-ignore
      slow: () => short(() => [...flat(readAnswers(parts, images)), ...questions.flatMap((question) => flat(readQuestions(parts, images, [question]).flat()))]), // prettier-ignore
    },
  ];
}

/** Has the model choose tokens, step by step. Whatever is written begins with a forward of several tokens, or is all of it. */
function steered<T>({ model }: Parts, target: (step: number) => number | undefined, run: () => T): T {
  const [forward, logits] = [model.forward.bind(model), model.logits.bind(model)];
  let step = -1;
  model.forward = (input, cache) => {
    step = input.inputIds.size(1) === 1 ? step + 1 : 0;
    return forward(input, cache);
  };
  model.logits = (hidden, rows) => {
    const found = logits(hidden, rows);
    const id = rows ? undefined : target(step);
    if (id !== undefined) found.narrow(-1, id, 1).add_(1e4);
    return found;
  };
  try {
    return run();
  } finally {
    Object.assign(model, { forward, logits });
  }
}

/** Has the model write `tokens`. */
function writing<T>(parts: Parts, tokens: readonly number[], run: () => T): T {
  return steered(parts, (step) => tokens[step], run);
}

/** Has the model end what it writes after `words` tokens. */
function ending<T>(parts: Parts, words: number, run: () => T): T {
  return steered(parts, (step) => (step >= words ? parts.processor.endTokenId : undefined), run);
}

export function attributesTable(found: AttributesBench): string {
  const { machine, cores, threads, device, dtype, rounds, parameters, prompt, answer, words, apart, rows } = found;
  const lines = rows.map(({ what, fast, slow, times }) => {
    const [a, b] = [fast, slow].map((seconds) => `${(1000 * seconds).toFixed(1)} ms`.padStart(10));
    return `${what.padEnd(76)} ${a} ${b}   ${times.toFixed(2)} times`;
  });
  return [
    `A LLaVA of ${(parameters / 1e6).toFixed(0)} million parameters in ${dtype} on ${device}, ${threads} threads on ${cores} cores of ${machine}`,
    `prompt of ${prompt} tokens, answer of ${answer}; ${words} tokens of each answer in words; medians of ${rounds} rounds`,
    "",
    ...lines,
    "",
    `Scores of the two ways lie ${apart.toExponential(0)} apart at most, on 1 to 10.`,
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "7" },
      dtype: { type: "string" },
      device: { type: "string" },
      words: { type: "string", default: "16" },
      ...RESULT_OPTIONS,
      quick: { type: "boolean", default: false },
    },
  });
  const { rounds, words, json, out, dtype, ...others } = values;
  const found = await benchAttributes({ ...others, dtype: dtype as DType | undefined, rounds: Number(rounds), words: Number(words) }); // prettier-ignore
  const text = writeResult(found, out);
  process.stdout.write(json ? text : attributesTable(found));
}
