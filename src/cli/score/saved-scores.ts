/** `score --resume`: scores saved in a file, so that a stopped command scores no picture twice. */
import { resolve } from "node:path";
import { z } from "zod";
import type { Model, ScoreFailure, ScoreInput, ScoreOptions, ScoreResult } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import { isSameStamp, openJournal, stampSchema, stampsOf, type Journal, type Stamp } from "../../files/index.js";
import { FLOAT_DTYPES } from "../../torch/dtype.js";
import type { DType } from "../../torch/index.js";
import { scorerInfoSchema } from "../../roc/published/schema.js";
import { pathOfName } from "../../image/file-names.js";
import { isFailure } from "../shared/json.js";
import { withIntervals } from "../../engine/calibration.js";
import { scoreSettings } from "../../engine/score-settings.js";

const number = z.number();
const result = z.strictObject({
  file: z.string(),
  damaged: z.string().optional(),
  score: number,
  scale: z.strictObject({ min: number, max: number }),
  std: number.nullable(),
  distribution: z.array(number).nullable(),
  attributes: z.record(z.string(), number.nullable()).optional(),
  comment: z.string().optional(),
  answers: z
    .array(
      z.strictObject({
        prompt: z.string(),
        answer: z.string(),
        scores: z.record(z.string(), number.nullable()).optional(),
        comment: z.string().optional(),
      }),
    )
    .optional(),
  answer: z.string(),
  model: z.string(),
  scorer: scorerInfoSchema.optional(),
  dtype: z.enum(FLOAT_DTYPES as [DType, ...DType[]]).optional(),
  quantization: z.literal("int8").optional(),
});

/** A line of the file: a picture as it was, and what the model said. */
const entrySchema = z.strictObject({ path: z.string(), picture: stampSchema, result });
type Entry = z.infer<typeof entrySchema>;

/** A picture that is to be scored. */
interface Wanted {
  readonly input: ScoreInput;
  /** As it was given. */
  readonly file: string;
  /** From the root; undefined for bytes, which are not saved. */
  readonly path: string | undefined;
  readonly picture: Stamp | undefined;
}

export class SavedScores {
  readonly #known: ReadonlyMap<string, Entry>;
  /** Pictures whose score was taken from the file. */
  reused = 0;

  private constructor(
    private readonly model: Model,
    private readonly journal: Journal<Entry>,
  ) {
    this.#known = new Map(journal.entries.map((entry) => [entry.path, entry]));
  }

  /**
   * Opens a file of saved scores, or creates it.
   *
   * @throws RocError IN_USE; USAGE where its scores are of another checkpoint or other settings, naming them; DATA_INVALID
   *   for a file of another kind
   */
  static async open(
    file: string,
    model: Model,
    {
      comments = false,
      allowDamaged = false,
      questions,
    }: Pick<ScoreOptions, "comments" | "allowDamaged" | "questions">,
  ): Promise<SavedScores> {
    const settings = { ...scoreSettings(model), comments, allowDamaged, ...(questions && { questions }) };
    const remedy = "Score with the same, or give another file to --resume.";
    return new SavedScores(
      model,
      await openJournal<Entry>(file, { settings, remedy, kind: "file", entry: entrySchema }),
    );
  }

  /** As {@link Model.score}, in the order of the inputs; what the file holds of the same pictures is not scored again. */
  async *score(inputs: readonly ScoreInput[], options: ScoreOptions): AsyncGenerator<ScoreResult | ScoreFailure> {
    const wanted = await wantedOf(inputs);
    const left = wanted.filter((one) => !this.#saved(one));
    this.reused = wanted.length - left.length;
    const { onProgress, ...others } = options;
    const fresh = this.model.score(left.map(({ input }) => input), others)[Symbol.asyncIterator](); // prettier-ignore
    let done = 0;
    try {
      for (const one of wanted) {
        const saved = this.#saved(one);
        if (saved)
          yield withIntervals({ ...saved.result, file: one.file, model: this.model.name } as ScoreResult, this.model.calibration); // prettier-ignore
        else yield await this.#next(one, fresh);
        onProgress?.(++done, wanted.length);
      }
    } finally {
      await fresh.return?.();
    }
  }

  /** Releases the file for other processes. */
  async close(): Promise<void> {
    await this.journal.close();
  }

  #saved({ path, picture }: Wanted): Entry | undefined {
    const entry = path === undefined ? undefined : this.#known.get(path);
    return entry && picture && isSameStamp(entry.picture, picture) ? entry : undefined;
  }

  async #next(
    { path, picture }: Wanted,
    fresh: AsyncIterator<ScoreResult | ScoreFailure>,
  ): Promise<ScoreResult | ScoreFailure> {
    const next = await fresh.next();
    if (next.done) throw new RocError("INTERNAL", "Fewer results than pictures.");
    const { value } = next;
    // A failed picture may be repaired before the next run.
    if (!isFailure(value) && path !== undefined && picture) await this.journal.append({ path, picture, result: withoutIntervals(value) as Entry["result"] }); // prettier-ignore
    return value;
  }
}

/** They follow from the rest by the calibration of the day. */
function withoutIntervals({
  interval: _,
  attributeIntervals: __,
  ...result
}: ScoreResult): Omit<ScoreResult, "interval"> {
  return result;
}

async function wantedOf(inputs: readonly ScoreInput[]): Promise<Wanted[]> {
  const files = inputs.map((input) => (typeof input === "string" ? input : undefined));
  const pictures = await stampsOf(files.map((file) => pathOfName(file ?? "")));
  return inputs.map((input, i) => {
    const [file, picture] = [files[i], pictures[i]];
    if (file === undefined) return { input, file: "", path: undefined, picture: undefined };
    return { input, file, path: resolve(file), picture };
  });
}
