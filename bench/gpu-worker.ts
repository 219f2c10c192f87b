/** Our side of gpu.ts: one part, given as JSON; prints its figures and its peak of memory as the last line. */
import { readFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEMO_MODEL, load } from "../src/engine/index.js";
import { isRocError, messageOf } from "../src/errors.js";
import { createLlava } from "../src/models/llava/index.js";
import { createQwen2Vl } from "../src/models/qwen2vl/index.js";
import type { ImageBatch, Mllm } from "../src/models/types.js";
import type { ParamSource } from "../src/nn/index.js";
import { textLoss } from "../src/roc/index.js";
import { fromTypedArray, inferenceMode, keep, manualSeed, noGrad, ones, randn, scope, setFlag, zeros, type DType, type Tensor } from "../src/torch/index.js"; // prettier-ignore
import { mixedFor } from "../src/train/loop/precision.js";
import { decayGroups, RuleOptimizer } from "../src/train/optim/optimizer.js";
import { adamW } from "../src/train/optim/rules.js";
import { clipGradients } from "../src/train/optim/clip.js";
import { benchDecode } from "./decode.js";
import { inputsOf, TYPES, type Figure, type Inputs, type Part } from "./gpu-parts.js";
import { median } from "./peer.js";
import { writePhotos } from "./photos.js";
import { TINY_LLAVA, writeSmallLlava } from "./small-llava.js";

/** What one side measured, and the other where it was asked in turn. */
interface Both {
  readonly figures: Figure[];
  readonly theirs?: Figure[];
}

const CREATE = { llava: createLlava, qwen2_vl: createQwen2Vl } as const;
const SUPERVISED = 12;

/** Milliseconds of a body that ends with a number read from the device; the first two times are not counted. */
function milliseconds(rounds: number, body: () => void): number {
  const times = Array.from({ length: rounds + 2 }, () => {
    const start = performance.now();
    body();
    return performance.now() - start;
  });
  return median(times.slice(2));
}

/** Random weights, drawn on the device. */
function source(device: string, dtype: DType): ParamSource {
  const draw = (shape: readonly number[], init: Parameters<ParamSource["take"]>[2]): Tensor => {
    if (init === "zeros") return zeros(shape, { device, dtype });
    if (init === "ones") return ones(shape, { device, dtype });
    return randn(shape, { device, dtype }).mul_("std" in init ? init.std : 0.02);
  };
  return { take: (_, shape, init) => keep(noGrad(() => scope(() => draw(shape, init)))) };
}

function modelOf(part: Part, { config }: Inputs, dtype: DType): Mllm {
  manualSeed(1);
  return CREATE[TYPES[part.model ?? ""] ?? "llava"](config, source(part.device, dtype));
}

function idsOf({ inputIds }: Inputs, batch: number, device: string): Tensor {
  const all = Array.from({ length: batch }, () => inputIds).flat();
  return fromTypedArray(BigInt64Array.from(all, BigInt), [batch, inputIds.length], { device });
}

function imagesOf({ pixelShape, grid }: Inputs, batch: number, device: string): ImageBatch {
  const pixelValues = randn([...pixelShape(batch)], { device });
  return { pixelValues, ...(grid && { imageGridThw: Array.from({ length: batch }, () => grid) }) };
}

function products({ device, quick, rounds }: Part): Figure[] {
  const [side, elements] = quick ? [256, 2 ** 18] : [8192, 2 ** 29];
  return inferenceMode(() =>
    scope(() => {
      const a = randn([side, side], { device, dtype: "bfloat16" });
      const [from, to] = [ones([elements], { device }), zeros([elements], { device })];
      const product = milliseconds(rounds, () => scope(() => a.matmul(a).select(0, 0).select(0, 0).item()));
      const copy = milliseconds(rounds, () => scope(() => to.copy_(from).select(0, 0).item()));
      return [
        { what: `bfloat16 product of ${side}^3`, unit: "TFLOP/s", value: (2 * side ** 3) / product / 1e9 },
        { what: "copy, read and written", unit: "GB/s", value: (8 * elements) / copy / 1e6 },
      ];
    }),
  );
}

function prefill(part: Part): Figure[] {
  const { device, rounds, batches = [1] } = part;
  const inputs = inputsOf(part);
  const model = modelOf(part, inputs, "bfloat16");
  const length = inputs.inputIds.length;
  const scoreIds = Array.from({ length: 10 }, (_, i) => i + 10);
  return inferenceMode(() =>
    batches.map((batch) =>
      scope(() => {
        const [inputIds, images] = [idsOf(inputs, batch, device), imagesOf(inputs, batch, device)];
        const rows = Array.from({ length: batch }, (_, b) => (b + 1) * length - 1);
        const one = (): unknown => scope(() => model.logits(model.forward({ inputIds, images, rows }), scoreIds).toNumbers()); // prettier-ignore
        const what = `prefill of ${length} tokens, batch ${batch}`;
        return { what, unit: "ms a picture", value: milliseconds(rounds, one) / batch };
      }),
    ),
  );
}

/** Of bench:decode, with transformers' figures where it is asked for them. */
async function decode({ model, batches, device, quick, peer = false }: Part): Promise<Both> {
  const given = { batches: batches ?? [1], rounds: quick ? 1 : 2, tokens: quick ? 4 : 33, alone: !peer };
  const found = await benchDecode({ ...given, ...(!quick && { model }), device, dtype: "bfloat16", quick });
  const figures = (name: string): Figure[] =>
    found.rows.flatMap(({ way, batch, tokensPerSecond: value }) =>
      way === name ? [{ what: `decoding, batch ${batch}`, unit: "tokens/s", value }] : [],
    );
  return { figures: figures("ours, default"), theirs: figures("transformers") };
}

/** Weights in float32, products in bfloat16; forward, text loss, backward, clipping, AdamW. */
function train(part: Part): Figure[] {
  const { device, rounds, batches = [8] } = part;
  const inputs = inputsOf(part);
  const model = modelOf(part, inputs, "float32");
  setFlag("keepFreedMemory", true);
  const parameters = model.parameters();
  for (const parameter of parameters.values()) parameter.requiresGrad_();
  const optimizer = new RuleOptimizer(decayGroups(parameters, 0), adamW());
  const mixed = mixedFor("bfloat16", device);
  const { length } = inputs.inputIds;
  const figures = batches.flatMap((batch) =>
    [true, false].map((deterministic) => {
      setFlag("deterministic", deterministic);
      const at = Array.from({ length: batch * SUPERVISED }, (_, i) => Math.floor(i / SUPERVISED) * length + length - SUPERVISED + (i % SUPERVISED)); // prettier-ignore
      const targets = at.map((position) => inputs.inputIds[position % length] ?? 0);
      const rows = at.map((position) => position - 1);
      const step = (): void =>
        scope(() => {
          const [inputIds, images] = [idsOf(inputs, batch, device), imagesOf(inputs, batch, device)];
          const hidden = mixed(() => model.forward({ inputIds, images, rows })).to("float32");
          const loss = textLoss({ model, hidden, targets });
          loss.backward();
          clipGradients(parameters.values(), 1);
          optimizer.step(1e-5);
          for (const parameter of parameters.values()) parameter.grad = null;
          loss.item();
        });
      const what = `training step, batch ${batch}${deterministic ? ", deterministic" : ""}`;
      return { what, unit: "ms a step", value: milliseconds(rounds, step) };
    }),
  );
  return figures;
}

/** Pictures from disk, with the defaults of the command `score`. */
async function score({ device, quick }: Part): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "roc-gpu-"));
  try {
    await writeSmallLlava(join(folder, "model"), quick ? TINY_LLAVA : undefined);
    const size = quick ? { width: 64, height: 48 } : { width: 1152, height: 864 };
    const photos = await writePhotos(join(folder, "photos"), size, quick ? 2 : 12);
    const example = fileURLToPath(new URL("../../examples/photos/portrait-good.jpg", import.meta.url));
    const cases = [
      ["demo weights, a small photo", DEMO_MODEL, [example], quick ? 4 : 600],
      [`LLaVA of bench:score, ${size.width} x ${size.height}`, join(folder, "model"), photos, quick ? 4 : 240],
    ] as const;
    const figures: Figure[] = [];
    for (const [what, checkpoint, files, count] of cases) {
      using model = await load(checkpoint, { device });
      const pass = async (pictures: number): Promise<void> => {
        const names = Array.from({ length: pictures }, (_, i) => files[i % files.length] ?? "");
        for await (const result of model.score(names)) if ("error" in result) throw new Error(result.error.message);
      };
      await pass(Math.min(count, 64));
      const start = performance.now();
      await pass(count);
      figures.push({ what, unit: "pictures/s", value: count / ((performance.now() - start) / 1000) });
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const PARTS: Readonly<Record<Part["part"], (part: Part) => Figure[] | Promise<Figure[] | Both>>> = { products, prefill, decode, train, score }; // prettier-ignore

const asked = JSON.parse(process.argv[2] ?? "") as Part;
try {
  const measured = await PARTS[asked.part](asked);
  const both: Both = Array.isArray(measured) ? { figures: measured } : measured;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  process.stdout.write(`${JSON.stringify({ ...both, peak })}\n`);
} catch (error) {
  const code = isRocError(error) ? error.code : "INTERNAL";
  process.stdout.write(`${JSON.stringify({ error: { code, message: messageOf(error) } })}\n`);
}
