/** Further questions about pictures that are read: they share one vision pass and, as far as they go together, the cache. */
import { greedyOptions, type ModelStep } from "../generation/index.js";
import { RocError } from "../errors.js";
import type { Tokenizer } from "../tokenizers/types.js";
import type { ImageBatch } from "../models/types.js";
import { AnswerText } from "./answer-text.js";
import { readAnswers, type ReadOptions } from "./comment.js";
import { withPictures, type Pictures } from "./pictures.js";
import { answerLength, checkLength } from "./length.js";
import { checkQuestions, promptOf, type Question, type WrittenText } from "./question.js";
import { readScore, type ScoreReading } from "./reading.js";
import type { AnswerReading, StrategyParts } from "./strategy.js";
import { commentComesFirst, hasComment, scoreName, scoreNames } from "./template.js";
import { ratingsFrom } from "./vocabulary.js";

/** Tokens of a written answer at most, where the question does not say it. */
const ANSWER_TOKENS = 256;

/** What was read for one question about one picture. */
export interface QuestionReading extends AnswerReading {
  /** The prompt, with `<image>`. */
  readonly prompt: string;
  /** Of the scores; none where the model wrote without a template. */
  readonly names: readonly string[];
}

/** What was read for one picture. */
export interface PictureReading {
  /** The canonical answer. */
  readonly answer: AnswerReading;
  /** One a question. */
  readonly questions: readonly QuestionReading[];
  /** The hidden state where the score was read, behind the last norm, where it was asked for; null where the model wrote it. */
  readonly embedding?: Float32Array<ArrayBuffer> | null;
}

/** What is read of a picture beside its canonical answer. */
export interface PictureOptions extends ReadOptions {
  readonly questions?: readonly Question[] | undefined;
  /** Whether to give the hidden state where the score is read. */
  readonly embedding?: boolean | undefined;
  /** Told what is written for questions without a template, as it comes. */
  readonly onText?: ((picture: number, written: WrittenText) => void) | undefined;
  /** Called after every token that is written, to end it by what it throws. */
  readonly check?: (() => void) | undefined;
}

/** Each picture's canonical answer and its answers to `questions`, by one vision pass. */
export function readPictures(
  parts: StrategyParts,
  images: ImageBatch,
  { questions = [], embedding: states = false, onText, check, ...options }: PictureOptions = {},
): PictureReading[] {
  const once = questions.length === 0 && !writesComment(parts, options) && parts.strategy.once === true;
  const read = (own: Pictures): PictureReading[] => {
    checkAll(parts, own, questions);
    const answers = readAnswers(parts, own, options);
    const embeddings = states && answers.map((answer, b) => stateOf(parts, own, answer, b));
    if (onText) tellOwn(parts, own, onText);
    const further = answersTo(parts, own, questions, onText);
    return answers.map((answer, b) => ({
      answer,
      questions: further.map((readings) => readings[b] as QuestionReading),
      ...(embeddings && { embedding: embeddings[b] ?? null }),
    }));
  };
  return withPictures(parts.model, images, read, { states, once, check });
}

/** Whether a comment is written beside the scores, which continues what they were read behind. */
function writesComment({ strategy, templates }: StrategyParts, { comments = false }: ReadOptions): boolean {
  const [answer = ""] = templates.answers;
  return hasComment(answer) ? comments || commentComesFirst(answer) : comments && strategy.comments !== undefined;
}

/** How long the checkpoint's own prompt and answer are. */
function tellOwn(parts: StrategyParts, pictures: Pictures, onText: NonNullable<PictureOptions["onText"]>): void {
  const { prompts, answers } = parts.templates;
  const tokens = answerLength(parts, answers[0] ?? "");
  pictures.prompts(parts.processor, prompts[0] ?? "").forEach(({ length }, row) => {
    onText(row, { question: -1, text: "", tokens, promptTokens: length, finished: "stop" });
  });
}

/** The hidden state where a picture's own score was read, not those of its attributes. */
function stateOf({ templates }: StrategyParts, pictures: Pictures, { at }: AnswerReading, picture: number) {
  const main = scoreNames(templates.answers[0] ?? "").indexOf(scoreName(templates));
  const position = at?.[main];
  return position === undefined ? undefined : pictures.state(picture, position);
}

/**
 * The answers to every question, `[question][picture]`. A comment of a question's template is always written.
 *
 * @throws RocError USAGE for a question that makes no sense; what reading throws
 */
export function readQuestions(
  parts: StrategyParts,
  pictures: ImageBatch | Pictures,
  questions: readonly Question[],
): QuestionReading[][] {
  return withPictures(parts.model, pictures, (own) => {
    checkAll(parts, own, questions);
    return answersTo(parts, own, questions);
  });
}

/** The answers to questions that are checked. */
function answersTo(
  parts: StrategyParts,
  pictures: Pictures,
  questions: readonly Question[],
  onText?: PictureOptions["onText"],
): QuestionReading[][] {
  return questions.map((question, index) => {
    const { prompt: asked, answer } = question;
    const prompt = promptIn(parts, asked);
    const templates = { ...parts.templates, prompts: [prompt], answers: answer === undefined ? [] : [answer] };
    const asking = { ...parts, templates };
    const readings =
      answer === undefined
        ? write(asking, pictures, question, { index, onText })
        : readAnswers(asking, pictures, { comments: true });
    const names = answer === undefined ? [] : scoreNames(answer);
    return readings.map((reading) => ({ ...reading, prompt, names }));
  });
}

function promptIn({ templates }: StrategyParts, asked: string | undefined): string {
  return asked === undefined ? (templates.prompts[0] ?? "") : promptOf(asked);
}

/** The first token of a text that the tokenizer's texts leave out: it frames turns or pictures. */
function modelTokenIn(text: string, tokenizer: Tokenizer): string | undefined {
  const ids = text.split("<image>").flatMap((part) => tokenizer.encode(part, { addSpecialTokens: false }));
  const special = [...new Set(ids)].find((id) => tokenizer.decode([id]) !== "" && tokenizer.decode([id], { skipSpecialTokens: true }) === ""); // prettier-ignore
  return special === undefined ? undefined : tokenizer.idToToken(special);
}

/** Before anything is computed. @throws RocError USAGE */
function checkAll(parts: StrategyParts, pictures: Pictures, questions: readonly Question[]): void {
  checkQuestions(questions);
  questions.forEach(({ prompt = "" }, index) => {
    const token = modelTokenIn(prompt, parts.processor.tokenizer);
    if (token === undefined) return;
    const text = `questions[${index}].prompt holds ${JSON.stringify(token)}, a token of the model that is no text`;
    throw new RocError("USAGE", `${text}. Leave it out; <image> marks the picture.`);
  });
  if (parts.model.maxPositions === undefined) return;
  questions.forEach(({ prompt: asked, answer }, index) => {
    const prompt = promptIn(parts, asked);
    checkLength(parts, pictures.prompts(parts.processor, prompt, false), {
      name: `questions[${index}]`,
      prompt,
      answer,
    });
  });
}

/** Where a question stands among the others, and who is told of its answer. */
interface Telling {
  readonly index: number;
  readonly onText: PictureOptions["onText"];
}

/** What the model writes about every picture; where it writes a score, its number is in the text. */
function write(
  parts: StrategyParts,
  pictures: Pictures,
  { maxTokens: maxNewTokens = ANSWER_TOKENS, temperature = 0, seed }: Question,
  telling: Telling,
): AnswerReading[] {
  const { model, processor, strategy, templates } = parts;
  const { vocabulary } = strategy;
  const prompts = pictures.prompts(processor, templates.prompts[0] ?? "");
  const found = prompts.map(() => new Map<number, WrittenScore>());
  const own = greedyOptions(model, processor);
  const told = telling.onText && prompts.map((ids, row) => new Told(parts, row, ids.length, telling));
  const sequences = pictures.generate(prompts, {
    ...own,
    ...(temperature > 0 && { sampling: { temperature, seed } }),
    maxNewTokens,
    // T_s that do not stand for a score are no text.
    suppressIds: [
      ...(own.suppressIds ?? []),
      ...(vocabulary?.scoreIds ?? []).filter((id) => !strategy.slotIds.includes(id)),
    ],
    onStep: (step) => {
      for (const [row, score] of scoresOf(step, parts)) found[row]?.set(step.index, score);
      told?.forEach((one, row) => one.push(step.tokenIds[row] ?? 0, found[row]?.get(step.index)?.shown, own.stopIds));
    },
  });
  sequences.forEach(({ ids, finished }, row) => told?.[row]?.end(ids.length, finished));
  return sequences.map(({ ids }, row) => {
    const text = new AnswerText(processor.tokenizer, strategy.slotIds[0]);
    const scores = ids.flatMap((id, index) => {
      const score = found[row]?.get(index);
      text.push(id, score?.shown);
      return score ? [score.reading] : [];
    });
    return { scores, text: text.end().trim() };
  });
}

/** Tells what is written about one picture. */
class Told {
  readonly #text: AnswerText;
  #tokens = 0;
  #hasEnded = false;

  constructor(
    { processor, strategy }: StrategyParts,
    private readonly row: number,
    private readonly promptTokens: number,
    private readonly telling: Telling,
  ) {
    this.#text = new AnswerText(processor.tokenizer, strategy.slotIds[0]);
  }

  push(id: number, shown: string | undefined, stopIds: readonly number[] = []): void {
    this.#hasEnded ||= stopIds.includes(id);
    if (this.#hasEnded) return;
    this.#tokens += 1;
    this.#tell(this.#text.push(id, shown));
  }

  end(tokens: number, finished: "stop" | "length"): void {
    const before = this.#text.text.length;
    this.#tokens = tokens;
    this.#tell(this.#text.end().slice(before), finished);
  }

  #tell(text: string, finished?: "stop" | "length"): void {
    const { index: question, onText } = this.telling;
    const counts = { tokens: this.#tokens, promptTokens: this.promptTokens };
    onText?.(this.row, { question, text, ...counts, ...(finished && { finished }) });
  }
}

interface WrittenScore {
  readonly reading: ScoreReading;
  readonly shown: string;
}

/** The scores of a step, by row: of T_p the expectation, of a T_s its own number. */
function scoresOf(
  { logits, tokenIds }: ModelStep,
  { strategy, templates }: StrategyParts,
): (readonly [row: number, score: WrittenScore])[] {
  const { vocabulary, slotIds, scale } = strategy;
  if (!vocabulary) return [];
  const { scoreIds, values } = vocabulary;
  const shown = ratingsFrom(scale, templates.ratingScale);
  return tokenIds.flatMap((id, row) => {
    if (!slotIds.includes(id)) return [];
    const own = logits.narrow(0, row, 1).narrow(1, scoreIds[0] ?? 0, scoreIds.length);
    const reading = readScore(own.toNumbers(), vocabulary);
    return [[row, { reading, shown: shown(values[scoreIds.indexOf(id)] ?? reading.value).toFixed(2) }] as const];
  });
}
