/** A classical baseline as an ONNX file, run by onnxruntime's WebAssembly build behind the interface of our own models. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { ScoreScale } from "../../data/index.js";
import { namedInputs } from "../../engine/inputs.js";
import { prefetch } from "../../engine/prefetch.js";
import { scoreOne } from "../../engine/one.js";
import type { Model, ScoreFailure, ScoreInput, ScoreInputs, ScoreOptions, ScoreResult } from "../../engine/types.js";
import { isRocError, messageOf, RocError } from "../../errors.js";
import { readBytes } from "../../files/index.js";
import { createImageProcessor, withStoredImage, type ImageProcessor, type StoredImage } from "../../image/index.js";
import { onnxMetadata } from "./metadata.js";
import {
  inputForm,
  mergeSettings,
  METADATA_KEY,
  processorConfig,
  readOutput,
  type InputForm,
  type OnnxSettings,
} from "./settings.js";

type Runtime = typeof import("onnxruntime-web");

/** Pictures that are decoded ahead. */
const AHEAD = 4;

/** A model with the settings that it runs by, for the provenance. */
export interface OnnxModel extends Model {
  readonly settings: OnnxSettings & { readonly size: readonly [height: number, width: number] };
}

/**
 * Loads an ONNX file.
 *
 * @param dataScale scale of a model that gives one number and does not say on which
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID where it is no model of pictures; USAGE where a setting is missing
 */
export async function loadOnnx(file: string, options: OnnxSettings, dataScale: ScoreScale): Promise<OnnxModel> {
  const bytes = await readBytes(file, { remedy: "Check the path." });
  const settings = mergeSettings(options, onnxMetadata(bytes, file).get(METADATA_KEY), file);
  const runtime = await import("onnxruntime-web");
  // One thread: scores do not depend on the machine, and no worker keeps the process alive.
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = "error";
  const session = await runtime.InferenceSession.create(bytes).catch((cause: unknown) => {
    throw new RocError("DATA_INVALID", `${file} cannot be loaded: ${messageOf(cause)}`, { cause });
  });
  const inputs = session.inputMetadata.map((input) =>
    input.isTensor ? input : { name: input.name, type: "no tensor", shape: [] },
  );
  const form = inputForm(inputs, settings, file);
  const output = outputOf(session, settings, file);
  const resize = settings.resize ?? "stretch";
  const override = resize === "stretch" ? {} : { resize };
  const processor = createImageProcessor(processorConfig(form, settings), override, file);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const name = `${basename(file)}@${digest.slice(0, 8)}`;
  return new Baseline(name, digest, { runtime, session, form, output, processor }, { ...settings, resize }, dataScale);
}

function outputOf({ outputNames }: InferenceSession, { output }: OnnxSettings, file: string): string {
  const [only] = outputNames;
  const there = outputNames.join(", ");
  if (output !== undefined && !outputNames.includes(output)) {
    throw new RocError("USAGE", `${file} has no output "${output}"; it has ${there}.`);
  }
  const name = output ?? (outputNames.length === 1 ? only : undefined);
  if (name !== undefined) return name;
  throw new RocError("USAGE", `${file} has the outputs ${there}; say which one by --onnx-output.`);
}

interface Parts {
  readonly runtime: Runtime;
  readonly session: InferenceSession;
  readonly form: InputForm;
  readonly output: string;
  readonly processor: ImageProcessor;
}

class Baseline implements OnnxModel {
  readonly settings: OnnxModel["settings"];

  constructor(
    readonly name: string,
    readonly digest: string,
    private readonly parts: Parts,
    settings: OnnxSettings,
    readonly scale: ScoreScale,
  ) {
    const { height, width } = parts.form;
    this.settings = { ...settings, size: [height, width] };
  }

  async *score(
    inputs: ScoreInputs,
    options: ScoreOptions = {},
  ): AsyncGenerator<ScoreResult | ScoreFailure, void, void> {
    const { signal, maxPixels } = options;
    const pictures = prefetch(namedInputs(inputs), AHEAD, async ({ name, data }, left) => {
      const either = signal ? AbortSignal.any([signal, left]) : left;
      const settings = { name, signal: either, ...(maxPixels !== undefined && { maxPixels }) };
      return withStoredImage(data, (picture) => this.#input(picture), settings).then(
        (input) => ({ name, input }),
        (error: unknown) => ({ name, error }),
      );
    });
    for await (const picture of pictures) {
      if (signal?.aborted) throw new RocError("ABORTED", "Scoring was cancelled", { cause: signal.reason });
      yield "input" in picture ? await this.#read(picture.name, picture.input) : failure(picture);
    }
  }

  scoreOne(input: ScoreInput, options?: ScoreOptions): Promise<ScoreResult> {
    return scoreOne(this, input, options);
  }

  /** What the model takes, which is small: a decoded picture waits for nobody. */
  async #input(picture: StoredImage): Promise<Tensor> {
    const { runtime, processor, form } = this.parts;
    const pixels = await processor.prepare(picture);
    const { layout, height, width, type } = form;
    const dims = layout === "NCHW" ? [1, 3, height, width] : [1, height, width, 3];
    // Pixels have their channels last.
    if (type === "uint8")
      return new runtime.Tensor("uint8", layout === "NHWC" ? pixels.data : channelsFirst(pixels.data), dims);
    const values = processor.values(pixels, layout === "NCHW" ? "planar" : "interleaved");
    return new runtime.Tensor("float32", values, dims);
  }

  async #read(file: string, tensor: Tensor): Promise<ScoreResult | ScoreFailure> {
    const { session, form, output } = this.parts;
    const results = await session.run({ [form.name]: tensor });
    const values = Array.from(results[output]?.data as ArrayLike<number>, Number);
    if (values.length === 0 || !values.every(Number.isFinite)) {
      const message = `${file}: ${this.name} gave ${values.join(", ") || "nothing"}`;
      return { file, error: { code: values.length === 0 ? "ANSWER_UNCLEAR" : "SCORE_NOT_FINITE", message } };
    }
    return { file, ...readOutput(values, this.settings, this.scale), answer: "", model: this.name };
  }

  dispose(): void {
    void this.parts.session.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function channelsFirst(bytes: Uint8Array): Uint8Array {
  const area = bytes.length / 3;
  return Uint8Array.from(bytes, (_, i) => bytes[(i % area) * 3 + Math.floor(i / area)] as number);
}

/** A fault of the picture as a result; any other is thrown on. */
function failure({ name, error }: { name: string; error: unknown }): ScoreFailure {
  if (!isRocError(error) || !/^(FILE|IMAGE)_/.test(error.code)) throw error;
  return { file: name, error: { code: error.code, message: error.message } };
}
