/**
 * Tokens a second of greedy decoding, here and by transformers' `generate` with its default cache, in turn and in one run: batches
 * of 1 and 16 sequences with a picture each.
 *
 *   npm run bench:decode [-- --model small|llava-1.5-7b|qwen2-vl-2b] [--device cuda] [--dtype bfloat16] [--tokens 64]
 *     [--batches 1,16] [--rounds 5] [--folder DIR] [--json] [--out FILE.json] [--alone] [--quick]
 *
 * "small" is the LLaVA of 31 million parameters of bench:score; the others have their full size and random weights (14.1 and
 * 4.4 GB in DIR; default: a temporary folder). --alone measures our side only; --quick does so with a tiny model. `PYTHON` names
 * a Python with torch and transformers; both sides take OMP_NUM_THREADS, or their own default.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readJson } from "../src/files/index.js";
import { fromTypedArray, manualSeed, randn, torchVersion, type Tensor } from "../src/torch/index.js";
import { saveSafetensors } from "../src/weights/index.js";
import { SIZES, writeRandom } from "./full-size-models.js";
import { median, Peer, pythonWith } from "./peer.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";
import { TINY_LLAVA, writeSmallLlava } from "./small-llava.js";

interface Answer {
  /** Seconds up to the first token, and of the others. */
  readonly first: number;
  readonly others: number;
  readonly ids: readonly (readonly number[])[];
  readonly settings?: unknown;
}

interface Way {
  readonly name: string;
  readonly ask: (inputs: string, tokens: number) => Promise<Answer>;
}

interface Row {
  readonly batch: number;
  readonly way: string;
  readonly tokensPerSecond: number;
  readonly firstSeconds: number;
  /** How often as fast as transformers; the median of the ratios of neighbouring rounds. */
  readonly times: number | null;
  /** Of what reading the weights once a step allows, at the rate of a copy. */
  readonly shareOfReading: number;
  /** Leading tokens that equal those of our first way, at least. */
  readonly sameTokens: number;
}

export interface DecodeBench {
  readonly machine: string | undefined;
  readonly cores: number;
  readonly device: string;
  readonly dtype: string;
  readonly torch: string;
  readonly peer: unknown;
  readonly model: string;
  readonly prompt: number;
  readonly tokens: number;
  readonly rounds: number;
  /** Bytes that a step reads, and bytes a second of a copy. */
  readonly weightBytes: number;
  readonly bandwidth: number;
  readonly rows: readonly Row[];
}

export interface DecodeBenchOptions {
  readonly model?: string | undefined;
  readonly device?: string | undefined;
  readonly dtype?: string | undefined;
  /** New tokens a sequence. */
  readonly tokens?: number | undefined;
  readonly batches?: readonly number[] | undefined;
  readonly rounds?: number | undefined;
  /** Where the weights are, or are written to; default: a temporary folder. */
  readonly folder?: string | undefined;
  /** Without the peer. */
  readonly alone?: boolean | undefined;
  /** A tiny model. */
  readonly quick?: boolean | undefined;
}

interface Inputs {
  readonly ids: readonly number[];
  readonly pixels: readonly number[];
  readonly grid?: readonly [number, number, number] | undefined;
}

/** Measures one model. */
export async function benchDecode(options: DecodeBenchOptions): Promise<DecodeBench> {
  const { model = "small", device = "cpu", tokens = 64, rounds = 5, batches = [1, 16], alone = false } = options;
  const dtype = options.dtype ?? (device === "cpu" ? "float32" : "bfloat16");
  const folder = mkdtempSync(join(tmpdir(), "roc-decode-"));
  const checkpoint = options.folder ?? join(folder, "model");
  const peers: Peer[] = [];
  try {
    const inputs = await writeModel(model, checkpoint, options.quick ?? false);
    const args = [checkpoint, dtype, device];
    const own = new Peer(fileURLToPath(new URL("decode-worker.js", import.meta.url)), args, process.execPath);
    peers.push(own);
    const ways = ourWays(own, device);
    if (!alone) {
      const python = pythonWith("transformers", `torch==${torchVersion()} transformers==5.24.0 pillow numpy`);
      const peer = new Peer("decode.py", args, python);
      peers.push(peer);
      ways.push({
        name: TRANSFORMERS,
        ask: (file, count) => peer.ask(JSON.stringify({ inputs: file, tokens: count })),
      });
    }
    const limits = await own.ask<Pick<DecodeBench, "weightBytes" | "bandwidth">>(JSON.stringify({ bandwidth: true }));
    const rows: Row[] = [];
    let peer: unknown = null;
    for (const batch of batches) {
      const file = join(folder, `inputs-${batch}.safetensors`);
      await saveSafetensors(file, inputTensors(inputs, batch));
      const answers = await measure(ways, file, tokens, rounds, `${model}, batch ${batch}`);
      rows.push(...rowsOf(ways, answers, batch, tokens, limits));
      peer = answers.at(-1)?.[0]?.settings ?? null;
    }
    const where = { machine: cpus()[0]?.model, cores: cpus().length, device, dtype, torch: torchVersion(), peer };
    return { ...where, model, prompt: inputs.ids.length, tokens, rounds, ...limits, rows };
  } finally {
    for (const peer of peers) await peer.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const TRANSFORMERS = "transformers";

async function writeModel(model: string, folder: string, quick: boolean): Promise<Inputs> {
  const size = SIZES[model];
  if (size) {
    if (!existsSync(join(folder, "model.safetensors"))) {
      process.stderr.write(`bench: writing ${model} into ${folder}\n`);
      await writeRandom(folder, size);
    }
    return { ids: size.inputIds, pixels: size.pixelShape, grid: size.grid };
  }
  if (model !== "small") throw new Error(`--model: known are small, ${Object.keys(SIZES).join(", ")}`);
  await writeSmallLlava(folder, quick ? TINY_LLAVA : undefined);
  const config = (await readJson(join(folder, "config.json"))) as Record<string, never>;
  const { image_size: side = 0, patch_size: patch = 1 } = config["vision_config"] as unknown as Record<string, number>;
  const words = (count: number): number[] => Array.from({ length: count }, (_, i) => 50 + i);
  const image = new Array<number>(Math.floor(side / patch) ** 2).fill(config["image_token_index"] as unknown as number);
  return { ids: [1, ...words(15), ...image, ...words(19)], pixels: [1, 3, side, side] };
}

function inputTensors({ ids, pixels, grid }: Inputs, batch: number): Map<string, Tensor> {
  const repeat = (row: readonly number[]): Tensor =>
    fromTypedArray(BigInt64Array.from(Array.from({ length: batch }, () => row).flat(), BigInt), [batch, row.length]);
  const [first = 0, ...others] = pixels;
  manualSeed(1);
  const made = {
    input_ids: repeat(ids),
    pixel_values: randn([batch * first, ...others]),
    ...(grid && { image_grid_thw: repeat(grid) }),
  };
  return new Map(Object.entries(made));
}

/** On a GPU, what recording gives is seen beside the same steps computed one by one. */
function ourWays(own: Peer, device: string): Way[] {
  const names = device === "cpu" ? ["default"] : ["default", "fixed", "growing"];
  return names.map((name) => ({
    name: `ours, ${name}`,
    ask: (inputs, tokens) => own.ask<Answer>(JSON.stringify({ inputs, tokens, way: name })),
  }));
}

/** Answers of every way, round by round, behind a first round that is not measured. */
async function measure(
  ways: readonly Way[],
  inputs: string,
  tokens: number,
  rounds: number,
  what: string,
): Promise<Answer[][]> {
  const answers: Answer[][] = ways.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, way] of ways.entries()) {
      const answer = await way.ask(inputs, tokens);
      const short = answer.ids.find((ids) => ids.length !== tokens);
      if (short) throw new Error(`bench: ${way.name} generated ${short.length} of ${tokens} tokens`);
      if (round > 0) answers[i]?.push(answer);
    }
    process.stderr.write(`bench: ${what}, round ${round} of ${rounds}\n`);
  }
  return answers;
}

function rowsOf(
  ways: readonly Way[],
  answers: readonly (readonly Answer[])[],
  batch: number,
  tokens: number,
  { weightBytes, bandwidth }: Pick<DecodeBench, "weightBytes" | "bandwidth">,
): Row[] {
  const theirs = ways.at(-1)?.name === TRANSFORMERS ? answers.at(-1) : undefined;
  return ways.map(({ name }, i) => {
    const mine = answers[i] ?? [];
    const seconds = median(mine.map(({ others }) => others)) / (tokens - 1);
    return {
      batch,
      way: name,
      tokensPerSecond: batch / seconds,
      firstSeconds: median(mine.map(({ first }) => first)),
      times: theirs ? median(mine.map(({ others }, round) => (theirs[round]?.others ?? NaN) / others)) : null,
      shareOfReading: weightBytes / bandwidth / seconds,
      sameTokens: sameTokens(mine[0]?.ids ?? [], answers[0]?.[0]?.ids ?? []),
    };
  });
}

function sameTokens(some: Answer["ids"], others: Answer["ids"]): number {
  const lengths = some.map((ids, b) => {
    const at = ids.findIndex((id, i) => id !== others[b]?.[i]);
    return at < 0 ? ids.length : at;
  });
  return Math.min(...lengths);
}

export function decodeTable(found: DecodeBench): string {
  const { machine, cores, device, dtype, model, prompt, tokens, rounds, weightBytes, bandwidth, rows } = found;
  const head = `${model} in ${dtype} on ${device} (${cores} cores of ${machine}); prompt of ${prompt}, ${tokens} new tokens; medians of ${rounds} rounds`; // prettier-ignore
  const limit = `A step reads ${(weightBytes / 1e9).toFixed(2)} GB of weights; a copy moves ${(bandwidth / 1e9).toFixed(1)} GB a second.`;
  const columns = ["tokens/s", "first token, s", "times", "of reading", "same tokens"];
  const lines = rows.map(({ batch, way, tokensPerSecond, firstSeconds, times, shareOfReading, sameTokens }) => {
    const cells = [tokensPerSecond.toFixed(1), firstSeconds.toFixed(3), times?.toFixed(2) ?? "-", `${(100 * shareOfReading).toFixed(0)}%`, String(sameTokens)]; // prettier-ignore
    return `${String(batch).padStart(5)}  ${way.padEnd(16)}${cells.map((cell) => cell.padStart(16)).join("")}`;
  });
  const title = `batch  ${"way".padEnd(16)}${columns.map((column) => column.padStart(16)).join("")}`;
  return `${[head, limit, "", title, ...lines].join("\n")}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      model: { type: "string" },
      device: { type: "string" },
      dtype: { type: "string" },
      tokens: { type: "string", default: "64" },
      batches: { type: "string", default: "1,16" },
      rounds: { type: "string", default: "5" },
      folder: { type: "string" },
      ...RESULT_OPTIONS,
      alone: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
    },
  });
  const { json, out, tokens, batches, rounds, alone, quick, ...others } = values;
  const numbers = { tokens: Number(tokens), rounds: Number(rounds), batches: batches.split(",").map(Number) };
  const found = await benchDecode({ ...others, ...numbers, quick, alone: alone || quick });
  const text = writeResult(found, out);
  process.stdout.write(json ? text : decodeTable(found));
}
