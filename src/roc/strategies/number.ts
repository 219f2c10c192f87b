/**
 * A number that a reasoning scorer writes in answer tags. By default nothing is left to chance: the model writes greedily, and
 * where its number begins the score is the mean over the numbers that could be there, by the probabilities of their digits.
 * As the authors do it, with draws, the score is the number itself.
 */
import { checkFinite, greedyOptions } from "../../generation/index.js";
import type { Sampling } from "../../generation/types.js";
import type { Mllm } from "../../models/types.js";
import { scope } from "../../torch/index.js";
import type { Tokenizer } from "../../tokenizers/types.js";
import { withPictures, type Pictures, type PictureText } from "../pictures.js";
import { sum, type ScoreReading } from "../reading.js";
import type { AnswerReading, Strategy } from "../strategy.js";
import type { Scale } from "../vocabulary.js";
import { RocError } from "../../errors.js";

export interface NumberOptions {
  /** The JSON key whose value it is; default: the first number of the answer. */
  readonly key?: string | undefined;
  /** Tokens of an answer at most. */
  readonly maxTokens: number;
  /** How reasoning and number are drawn; default: greedily, and the number is read from its digits' probabilities. */
  readonly sampling?: Sampling | undefined;
}

/** The whole answer of a scorer that writes a number. */
export const NUMBER_ANSWER = "{overall}";

/** Numbers have so many decimals. */
const DECIMALS = 2;

/** What is less likely is not looked at further: its value is that of the digits so far. */
const LEAST = 0.01;

/** Ratings of a distribution, a tenth apart: each value's probability is split between its two neighbours, which keeps the mean. */
const STEP = 0.1;

/** @param scale of digits: from 0 to 10 at most */
export function numberStrategy(scale: Scale, options: NumberOptions): Strategy {
  return {
    name: "number",
    scale,
    write: (score) => score.toFixed(DECIMALS),
    slotIds: [],
    generates: true,
    read(parts, pictures) {
      const { model, processor, templates } = parts;
      const { tokenizer } = processor;
      const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
      if (answer !== NUMBER_ANSWER) {
        throw new RocError(
          "USAGE",
          "--answer: this checkpoint's score is a number that it writes, and it reads no other answers. Use --ask.",
        );
      }
      const { maxTokens: maxNewTokens, sampling, key } = options;
      return withPictures(model, pictures, (own) => {
        const prompts = own.prompts(processor, prompt);
        const generation = { ...greedyOptions(model, processor), maxNewTokens, sampling };
        const answers = own.generate(prompts, generation).map(({ ids }) => new Written(ids, tokenizer, scale, key));
        const digits = digitsOf(tokenizer);
        const read = sampling || !digits ? [] : readDigits(model, own, prompts, answers, { scale, ...digits });
        return answers.map((written, b) => written.reading(read[b]));
      });
    },
  };
}

/** What a model has written about one picture. */
class Written {
  /** Without special tokens. */
  readonly #text: string;
  /** Where its number is in the text. */
  readonly #place: { readonly start: number; readonly value: number } | undefined;

  constructor(
    readonly ids: readonly number[],
    private readonly tokenizer: Tokenizer,
    scale: Scale,
    key: string | undefined,
  ) {
    this.#text = this.#decoded(ids.length);
    const place = findNumber(this.#text, key);
    this.#place = place && place.value >= scale.min && place.value <= scale.max ? place : undefined;
  }

  /** Tokens before its number; undefined where it has none, or a token holds more than the number's first digit. */
  get before(): number | undefined {
    if (!this.#place) return undefined;
    // The text of more tokens is never shorter.
    let [low, high] = [0, this.ids.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#decoded(middle).length <= this.#place.start) low = middle;
      else high = middle - 1;
    }
    return this.#decoded(low).length === this.#place.start ? low : undefined;
  }

  /** @param digits what was read from the probabilities of its digits */
  reading(digits: ScoreReading | undefined): AnswerReading {
    const [, thought, rest = ""] = /^\s*<think>([\s\S]*?)<\/think>([\s\S]*)$/.exec(this.#text) ?? [undefined, undefined, this.#text]; // prettier-ignore
    const written = this.#place && { value: this.#place.value, std: null, distribution: null };
    const comment = thought !== undefined && { comment: thought.trim() };
    return { scores: [digits ?? written ?? null], text: rest.trim(), ...comment };
  }

  #decoded(count: number): string {
    return this.tokenizer.decode(this.ids.slice(0, count), { skipSpecialTokens: true });
  }
}

/**
 * The number of an answer: in the last `<answer>`, or in all of the text where that is nothing but the number or the object.
 *
 * @returns undefined where there is none: what has no answer has no score
 */
export function findNumber(text: string, key?: string): { readonly start: number; readonly value: number } | undefined {
  // An answer that is thought of is none yet.
  const thought = (/^[\s\S]*<\/think>/.exec(text)?.[0] ?? "").length;
  const said = text.slice(thought);
  const last = [...said.matchAll(/<answer>([\s\S]*?)<\/answer>/g)].at(-1);
  const [within, offset] = last ? [last[1] ?? "", thought + last.index + "<answer>".length] : [said, thought];
  const pattern = key === undefined ? /(\d+(?:\.\d+)?)/ : new RegExp(String.raw`"${key}"\s*:\s*"?(\d+(?:\.\d+)?)`);
  const found = pattern.exec(within);
  if (!found) return undefined;
  const number = found[1] ?? "";
  const isAlone = key === undefined ? within.trim() === number : within.trim().startsWith("{");
  if (!last && !isAlone) return undefined;
  // "-3", "1e9", "3,45", "3.4.5" and "2-3" are no ratings.
  const at = found.index + found[0].length - number.length;
  if (/[-.\w]$/.test(within.slice(0, at)) || /^(?:\w|[.,]\d|\s*[-–]\s*\d)/.test(within.slice(at + number.length)))
    return undefined;
  return { start: offset + at, value: Number(number) };
}

interface Digits {
  /** Ids of 0 to 9. */
  readonly ids: readonly number[];
  readonly point: number;
}

/** Undefined where the tokenizer does not write digits one by one. */
function digitsOf(tokenizer: Tokenizer): Digits | undefined {
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  const tail = (text: string): number => encode(text).at(-1) ?? -1;
  const ids = Array.from({ length: 10 }, (_, digit) => tail(String(digit)));
  const point = tail(".");
  const apart = new Set([...ids, point]).size === 11;
  const whole = encode("3.45").slice(-4).join() === [ids[3], point, ids[4], ids[5]].join();
  return apart && whole ? { ids, point } : undefined;
}

/** A beginning of a number: its digits so far, and how likely it is. */
interface Branch {
  readonly tokens: readonly number[];
  readonly value: number;
  readonly weight: number;
  /** Of the next digit: 1, 0.1, 0.01. */
  readonly place: number;
}

/** A number, or what is known of one, and how likely it is. */
interface Leaf {
  readonly value: number;
  readonly weight: number;
}

type DigitOptions = Digits & { readonly scale: Scale };

/** The score of every picture by the probabilities of the digits where its number begins; undefined where it has none. */
function readDigits(
  model: Mllm,
  pictures: Pictures,
  prompts: readonly (readonly number[])[],
  answers: readonly Written[],
  options: DigitOptions,
): (ScoreReading | undefined)[] {
  const starts = answers.map(({ ids, before }, b) => before === undefined ? undefined : [...(prompts[b] ?? []), ...ids.slice(0, before)]); // prettier-ignore
  const trees = starts.map((start) => (start ? new Tree(start, options) : undefined));
  while (trees.some((tree) => tree && !tree.isWhole)) {
    // A branch of every picture at a time; of those that are read, a token that nobody asks about.
    const texts = trees.map((tree, b): PictureText => tree?.next() ?? { ids: starts[b] ?? prompts[b] ?? [], at: [] });
    const rows = texts.flatMap(({ at }, b) => at.map(() => b));
    scope(() => {
      const logits = model.logits(pictures.hidden(texts)).to("float32");
      const all = logits.softmax(-1);
      const wanted = [...options.ids, options.point];
      const picked = wanted.map((id) => all.select(-1, id).toNumbers());
      const found = rows.map((_, row) => picked.map((column) => column[row] ?? NaN));
      checkFinite(found.flat(), model);
      trees.forEach((tree, b) => {
        const own = found.filter((_, row) => rows[row] === b);
        if (own.length > 0) tree?.take(own);
      });
    });
  }
  return trees.map((tree) => tree?.reading());
}

/** The numbers that may follow a text, each with its probability. */
class Tree {
  readonly #open: Branch[] = [{ tokens: [], value: 0, weight: 1, place: 1 }];
  readonly #leaves: Leaf[] = [];

  constructor(
    private readonly start: readonly number[],
    private readonly options: DigitOptions,
  ) {}

  get isWhole(): boolean {
    return this.#open.length === 0;
  }

  /** The text whose last tokens say what follows the first open branch. */
  next(): PictureText | undefined {
    const [branch] = this.#open;
    if (!branch) return undefined;
    const ids = [...this.start, ...branch.tokens];
    const last = ids.length - 1;
    // Behind the first digit: whether a point follows, and which digit follows the point.
    return branch.place === STEP ? { ids, at: [last - 1, last] } : { ids, at: [last] };
  }

  /** @param found by position, the probabilities of the ten digits and of the point */
  take(found: readonly (readonly number[])[]): void {
    const branch = this.#open.shift();
    if (!branch) return;
    const { scale } = this.options;
    const digits = (found.at(-1) ?? []).slice(0, 10);
    if (branch.place === 1) {
      const fits = digits.map((p, digit) => (digit >= scale.min && digit <= scale.max ? p : 0));
      this.#grow(branch, fits, sum(fits));
    } else if (branch.place === STEP) {
      const point = found[0]?.[10] ?? 0;
      // Of the numbers of two digits 10 alone is on a scale.
      const ten = branch.value === 1 && scale.max >= 10 ? (found[0]?.[0] ?? 0) : 0;
      this.#leaves.push({ value: branch.value, weight: branch.weight * (1 - point - ten) });
      if (ten > 0) this.#leaves.push({ value: 10, weight: branch.weight * ten });
      this.#grow({ ...branch, weight: branch.weight * point }, digits, sum(digits));
    } else {
      this.#leaves.push({ value: branch.value, weight: branch.weight * (1 - sum(digits)) });
      this.#grow(branch, digits, 1);
    }
  }

  /** @param total that the digits' probabilities are divided by */
  #grow({ tokens, value, weight, place }: Branch, digits: readonly number[], total: number): void {
    const { ids, point, scale } = this.options;
    digits.forEach((p, digit) => {
      const share = total > 0 ? (weight * p) / total : 0;
      const next = { value: value + digit * place, weight: share, place: place / 10 };
      // Nothing on the scale is above its end.
      const isEnd = place <= 10 ** -DECIMALS * 1.5 || next.value >= scale.max || share < LEAST;
      const behind = place === 1 ? [point] : [];
      if (isEnd) this.#leaves.push(next);
      else this.#open.push({ ...next, tokens: [...tokens, ids[digit] ?? -1, ...behind] });
    });
  }

  reading(): ScoreReading | undefined {
    const { min, max } = this.options.scale;
    const total = sum(this.#leaves.map(({ weight }) => weight));
    if (!(total > 0)) return undefined;
    const count = Math.round((max - min) / STEP) + 1;
    const distribution = new Array<number>(count).fill(0);
    for (const { value, weight } of this.#leaves) {
      const place = Math.min(Math.max((value - min) / STEP, 0), count - 1);
      const below = Math.min(Math.floor(place), count - 2);
      const share = place - below;
      distribution[below] = (distribution[below] as number) + (weight / total) * (1 - share);
      distribution[below + 1] = (distribution[below + 1] as number) + (weight / total) * share;
    }
    const mean = sum(distribution.map((p, index) => p * (min + index * STEP)));
    const variance = sum(distribution.map((p, index) => p * (min + index * STEP - mean) ** 2));
    return { value: mean, std: Math.sqrt(variance), distribution };
  }
}
