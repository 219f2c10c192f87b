/** A model, a tokenizer and a processor of a few lines, so that `roc/` and `engine/` are tested without any family. */
import { storedOf } from "../../src/image/resize.js";
import type { RgbImage, StoredImage } from "../../src/image/types.js";
import type { Cache, ImageBatch, Mllm, MllmInput, MllmProcessor } from "../../src/models/types.js";
import {
  addScoreTokens,
  renderAnswer,
  type RocTemplates,
  type ScoreVocabulary,
  rocStrategy,
  type ScoringParts,
  type StrategyParts,
} from "../../src/roc/index.js";
import { aten, cat, keep, manualSeed, randn, scope, stack, tensor, zeros, type Tensor } from "../../src/torch/index.js";
import type { Tokenizer } from "../../src/tokenizers/types.js";

const FEATURES = 12;
const POSITIONS = 192;

/** One token a character; added tokens and `<image>` stand for themselves. */
export class FakeTokenizer implements Tokenizer {
  readonly bosTokenId = 1;
  readonly eosTokenId = 2;
  readonly padTokenId = 0;
  readonly #tokens: string[] = Array.from({ length: 127 }, (_, code) => String.fromCharCode(code));
  #added = ["<image>"];

  constructor() {
    this.#tokens.push("<image>");
  }
  get size(): number {
    return this.#tokens.length;
  }
  encode(text: string): number[] {
    const parts = text.split(new RegExp(`(${this.#added.map((token) => token.replace(/[[\]]/g, "\\$&")).join("|")})`));
    return parts
      .flatMap((part) => (this.#added.includes(part) ? [part] : [...part]))
      .map((token) => {
        const id = this.tokenToId(token);
        if (id === undefined) throw new Error(`no token ${token}`);
        return id;
      });
  }
  decode(ids: readonly number[], _options?: { readonly skipSpecialTokens?: boolean }): string {
    return ids.map((id) => this.#tokens[id]).join("");
  }
  tokenToId(token: string): number | undefined {
    const id = this.#tokens.indexOf(token);
    return id < 0 ? undefined : id;
  }
  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }
  addTokens(tokens: readonly string[]): number[] {
    for (const token of tokens) if (!this.#tokens.includes(token)) this.#tokens.push(token);
    this.#added = [...new Set([...this.#added, ...tokens])];
    return tokens.map((token) => this.#tokens.indexOf(token));
  }
  async save(): Promise<void> {}
}

/** An image is its mean colour; prompts are framed by a cue, as the real ones are. */
export class FakeProcessor implements MllmProcessor {
  readonly endTokenId = 2;
  constructor(readonly tokenizer: Tokenizer = new FakeTokenizer()) {}

  images(images: readonly RgbImage[]): ImageBatch {
    return { pixelValues: scope(() => stack(images.map(({ data }) => tensor(meanColor(data))))) };
  }
  pixels(picture: RgbImage | StoredImage): RgbImage {
    return storedOf(picture).stored;
  }
  prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return Promise.resolve(this.pixels(picture));
  }
  batch(images: readonly RgbImage[]): ImageBatch {
    return this.images(images);
  }
  prompt(text: string): number[] {
    return [1, ...this.tokenizer.encode(`Q: ${text} A:`, { addSpecialTokens: false })];
  }
  answer(text: string): number[] {
    return this.tokenizer.encode(text, { addSpecialTokens: false });
  }
  async save(): Promise<void> {}
}

function meanColor(data: Uint8Array): number[] {
  const sums = [0, 0, 0];
  data.forEach((value, index) => (sums[index % 3] = (sums[index % 3] as number) + value));
  return sums.map((sum) => sum / (data.length / 3) / 255);
}

/** The running sums of embeddings, `[batch, length, features]`, and of real tokens: all that this model remembers. */
class FakeCache implements Cache {
  sums: Tensor | undefined;
  get length(): number {
    return this.sums?.size(1) ?? 0;
  }
  put(sums: Tensor | undefined): void {
    const before = this.sums;
    this.sums = sums && keep(sums);
    before?.dispose();
  }
  rewind(length: number): void {
    scope(() => this.put(length === 0 ? undefined : this.sums?.narrow(1, 0, length).clone()));
  }
  dispose(): void {
    this.put(undefined);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Causal: the state at a position is the running sum of the embeddings up to it, the image's colours among them. Half
 * of the hidden vector is the position as one-hot, so that {@link follow} can make it write any given text.
 */
export class FakeMllm implements Mllm {
  readonly family = "fake";
  readonly config: Record<string, unknown> = { model_type: "fake" };
  readonly hiddenSize = FEATURES + POSITIONS;
  readonly dtype = "float32";
  readonly device = "cpu";
  maxPositions: number | undefined;
  generationConfig?: string;
  disposals = 0;
  forwards = 0;
  readonly #imageId: number;
  readonly #colors: Tensor;
  #embedding: Tensor;
  #head: Tensor;

  constructor(tokenizer: Tokenizer, seed = 7) {
    manualSeed(seed);
    this.#imageId = tokenizer.tokenToId("<image>") as number;
    this.#colors = randn([3, FEATURES]);
    this.#embedding = randn([tokenizer.size, FEATURES]);
    this.#head = scope(() => cat([randn([tokenizer.size, FEATURES]), zeros([tokenizer.size, POSITIONS])], 1));
  }
  get vocabSize(): number {
    return this.#head.size(0);
  }
  get placeholderIds(): readonly number[] {
    return [this.#imageId];
  }

  forward({ inputIds, attentionMask, images, rows: wanted }: MllmInput, cache?: FakeCache): Tensor {
    this.forwards += 1;
    const [batch = 0, length = 0] = inputIds.shape;
    let rows = aten("embedding")(this.#embedding, inputIds);
    if (images) {
      const colors = (images.features ?? this.imageFeatures(images)).unsqueeze(1);
      rows = rows.add(inputIds.eq(this.#imageId).unsqueeze(-1).to("float32").mul(colors).mul(20));
    }
    const real = (attentionMask ?? inputIds.mul(0).add(1)).to("float32").unsqueeze(-1);
    const fresh = cat([rows, real], 2).mul(real).cumsum(1);
    const before = cache?.sums;
    const sums = before ? fresh.add(before.slice(1, before.size(1) - 1)) : fresh;
    cache?.put(before ? cat([before, sums], 1) : sums.clone());
    const place = sums.slice(2, FEATURES).squeeze(2).sub(1).clamp(0, null).to("int64");
    const places = aten("eye")(POSITIONS).indexSelect(0, place.flatten()).view(batch, length, POSITIONS);
    const hidden = cat([sums.narrow(2, 0, FEATURES).div(8).tanh(), places], 2);
    return wanted ? hidden.flatten(0, 1).indexSelect(0, tensor(wanted, { dtype: "int64" })) : hidden;
  }

  imageFeatures({ pixelValues }: ImageBatch): Tensor {
    return pixelValues.matmul(this.#colors);
  }

  logits(hidden: Tensor, rows?: readonly number[]): Tensor {
    const head = rows ? this.#head.indexSelect(0, tensor(rows, { dtype: "int64" })) : this.#head;
    return hidden.matmul(head.t());
  }

  newCache(): FakeCache {
    return new FakeCache();
  }

  parameters(): Map<string, Tensor> {
    return new Map([
      ["embedding", this.#embedding],
      ["head", this.#head],
    ]);
  }

  growVocabulary(ids: readonly number[], realRows: number): void {
    const grown = (old: Tensor): Tensor =>
      scope(() => cat([old, ...ids.map(() => old.narrow(0, 0, realRows).mean(0, true))]));
    const [embedding, head] = [grown(this.#embedding), grown(this.#head)];
    this.#free();
    [this.#embedding, this.#head] = [embedding, head];
  }

  /** Makes the token due at each position from `start` on win by far, over whatever the state says. */
  follow(tokens: readonly number[], start: number): void {
    scope(() => {
      tokens.forEach((id, index) =>
        this.#head
          .select(0, id)
          .select(0, FEATURES + start + index)
          .fill_(100),
      );
    });
  }

  /** Makes the T_s tell images and histories apart. */
  sharpen(vocabulary: ScoreVocabulary): void {
    scope(() => {
      for (const id of vocabulary.scoreIds)
        this.#head
          .select(0, id)
          .narrow(0, 0, FEATURES)
          .copy_(randn([FEATURES]));
    });
  }

  #free(): void {
    this.#embedding.dispose();
    this.#head.dispose();
  }
  dispose(): void {
    this.disposals += 1;
    this.#free();
    this.#colors.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

export interface FakeParts extends ScoringParts, StrategyParts {
  readonly model: FakeMllm;
}

/** A fake model with score tokens that writes the canonical answer of `templates`. */
export function fakeParts(templates: RocTemplates, tokenizer: Tokenizer = new FakeTokenizer(), seed = 7): FakeParts {
  const processor = new FakeProcessor(tokenizer);
  const model = new FakeMllm(tokenizer, seed);
  const vocabulary = addScoreTokens(model, tokenizer);
  model.sharpen(vocabulary);
  const answer = processor.answer(renderAnswer(templates.answers[0] as string).text);
  const start = processor.prompt(templates.prompts[0] as string).length - 1;
  model.follow([...answer, processor.endTokenId], start);
  return { model, processor, vocabulary, templates, strategy: rocStrategy(vocabulary) };
}

/** A picture of one colour. */
export function plainImage(red: number, green: number, blue: number): RgbImage {
  return { width: 2, height: 2, data: Uint8Array.from([0, 1, 2, 3].flatMap(() => [red, green, blue])) };
}
