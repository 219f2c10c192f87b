/**
 * A layer's Gated DeltaNet here and by transformers' plain path, in turn and on one core: prefills, and steps behind 64 tokens,
 * at the published sizes; the whole layer with its projections, and the gated delta rule alone, in float32.
 *
 *   npm run bench:deltanet [-- --sizes 0.8B,4B] [--rounds 7] [--json] [--out FILE.json]
 *
 * `PYTHON` names a Python with torch and transformers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GatedDeltaNet } from "../src/nn/delta-net.js";
import { CHUNK, deltaChunk, deltaStep, laterTokens } from "../src/nn/delta-rule.js";
import { Params, randomSource } from "../src/nn/index.js";
import { LayerStates } from "../src/nn/layer-states.js";
import { cat, inferenceMode, keep, manualSeed, randn, scope, setNumThreads, type Tensor } from "../src/torch/index.js";
import { saveSafetensors } from "../src/weights/index.js";
import { median, Peer, peerPython, stayOnOneCore } from "./peer.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

/** Of Qwen3.5's checkpoints: 16 key heads, heads of 128, a convolution of 4 tokens. */
const SIZES = { "0.8B": { hidden: 1024, valueHeads: 16 }, "4B": { hidden: 2560, valueHeads: 32 } } as const;
const HEADS = { keyHeads: 16, keyDim: 128, valueDim: 128, kernel: 4 };

/** Tokens of a call, and calls of a round; 1 is a step. */
const CALLS = [
  { tokens: 1024, calls: 1 },
  { tokens: 256, calls: 4 },
  { tokens: 1, calls: 40 },
] as const;

interface Answer {
  readonly seconds: number;
  readonly output: readonly number[];
  readonly torch: string;
  readonly transformers: string;
}

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: Object.keys(SIZES).join() },
    rounds: { type: "string", default: "7" },
    ...RESULT_OPTIONS,
  },
});
setNumThreads(1);
stayOnOneCore();

interface Timed {
  /** Of a call. */
  readonly seconds: number;
  readonly output: readonly number[];
}

/** @param call gives its output where that is to be read */
function timeOf(call: (read?: boolean) => number[], calls: number): Timed {
  const output = call(true);
  const start = performance.now();
  for (let i = 0; i < calls; i++) call();
  return { seconds: (performance.now() - start) / 1000 / calls, output };
}

function measure(net: GatedDeltaNet, x: Tensor, tokens: number, calls: number): Timed {
  return inferenceMode(() =>
    scope(() => {
      const run = (start: number, T: number, states: LayerStates): Tensor => {
        const pass = { shape: [1, T] as const, states, padding: undefined, mark: undefined };
        const output = net.forward(x.narrow(1, start, T), pass, (y) => y);
        states.end(start + T, undefined);
        return output;
      };
      const behind = new LayerStates();
      if (tokens === 1) scope(() => void run(0, 64, behind));
      const call = (read = false): number[] =>
        scope(() => {
          const states = tokens === 1 ? behind : new LayerStates();
          const output = run(tokens === 1 ? 64 : 0, tokens, states);
          if (states !== behind) states.dispose();
          return read
            ? output
                .flatten(0, 1)
                .select(0, tokens - 1)
                .toNumbers()
            : [];
        });
      const timed = timeOf(call, calls);
      behind.dispose();
      return timed;
    }),
  );
}

/** The rule on tokens of `qkv`, `g` and `beta`, which both sides are given. */
function measureRule(given: ReadonlyMap<string, Tensor>, valueHeads: number, tokens: number, calls: number): Timed {
  const heads = { ...HEADS, valueHeads };
  const later = laterTokens(CHUNK, given.get("g") as Tensor);
  const part = (start: number, n: number): { qkv: Tensor; g: Tensor; beta: Tensor } => {
    const of = (name: string): Tensor => (given.get(name) as Tensor).narrow(1, start, n);
    return { qkv: of("qkv"), g: of("g"), beta: of("beta") };
  };
  const prefill = (T: number): { output: Tensor; memory: Tensor | undefined } => {
    const outputs: Tensor[] = [];
    let memory: Tensor | undefined;
    for (let start = 0; start < T; start += CHUNK) {
      const chunk = deltaChunk(part(start, CHUNK), memory, heads, later);
      outputs.push(chunk.output);
      memory = chunk.memory;
    }
    return { output: cat(outputs, 1), memory };
  };
  return inferenceMode(() =>
    scope(() => {
      const behind = tokens === 1 ? prefill(64).memory : undefined;
      const call = (read = false): number[] =>
        scope(() => {
          const { output } = behind ? deltaStep(part(64, 1), behind, heads, !read) : prefill(tokens);
          return read
            ? output
                .select(1, tokens - 1)
                .flatten()
                .toNumbers()
            : [];
        });
      return timeOf(call, calls);
    }),
  );
}

const folder = mkdtempSync(join(tmpdir(), "roc-deltanet-"));
const peer = new Peer("deltanet.py", [], peerPython());
const rows: object[] = [];
let versions: Pick<Answer, "torch" | "transformers"> | undefined;
const wanted = values.sizes.split(",");

type Side = (tokens: number, calls: number) => Timed;

/** Rows of a part at a size, for all of {@link CALLS}. @param asked what the other side is told of it */
async function compare(part: "layer" | "rule", size: string, asked: AskedOf, ours: Side): Promise<void> {
  for (const { tokens, calls } of CALLS) {
    const found: { ours: number; theirs: number; apart: number }[] = [];
    for (let round = 0; round <= Number(values.rounds); round++) {
      const here = ours(tokens, calls);
      const there = await peer.ask<Answer>(JSON.stringify({ part, ...asked, tokens, calls }));
      versions = { torch: there.torch, transformers: there.transformers };
      const apart = Math.max(...here.output.map((value, i) => Math.abs(value - (there.output[i] ?? NaN))));
      if (round > 0) found.push({ ours: here.seconds, theirs: there.seconds, apart });
    }
    const of = (pick: (one: (typeof found)[number]) => number): number => median(found.map(pick));
    rows.push({
      ...{ part, size, dtype: asked.dtype, tokens },
      oursMs: 1000 * of((one) => one.ours),
      theirsMs: 1000 * of((one) => one.theirs),
      times: of((one) => one.theirs / one.ours),
      apart: of(({ apart }) => apart),
      stateBytes: 4 * asked.valueHeads * HEADS.keyDim * HEADS.valueDim,
    });
    process.stderr.write(`bench: ${part}, ${size}, ${asked.dtype}, ${tokens} tokens\n`);
  }
}

interface AskedOf {
  readonly file: string;
  readonly hidden: number;
  readonly valueHeads: number;
  readonly dtype: "float32" | "bfloat16";
}

async function compareLayer(size: string, { hidden, valueHeads, dtype }: Omit<AskedOf, "file">): Promise<void> {
  const params = new Params(randomSource({ seed: 1, dtype }));
  const net = new GatedDeltaNet(params, hidden, { ...HEADS, valueHeads }, 0, { eps: 1e-6, init: { std: 0.02 } });
  manualSeed(2);
  const x = keep(randn([1, 1025, hidden], { dtype }));
  const file = join(folder, `${size}-${dtype}.safetensors`);
  await saveSafetensors(file, new Map([...params.tensors, ["x", x]]));
  const asked = { file, hidden, valueHeads, dtype };
  await compare("layer", size, asked, (tokens, calls) => measure(net, x, tokens, calls));
  for (const one of [x, ...params.tensors.values()]) one.dispose();
}

async function compareRule(size: string, { hidden, valueHeads }: Omit<AskedOf, "file" | "dtype">): Promise<void> {
  manualSeed(3);
  const width = 2 * HEADS.keyHeads * HEADS.keyDim + valueHeads * HEADS.valueDim;
  const given = scope(() => {
    const drawn = (channels: number): Tensor => randn([1, 1025, channels]);
    return new Map([
      ["qkv", keep(drawn(width))],
      ["g", keep(drawn(valueHeads).exp().neg())],
      ["beta", keep(drawn(valueHeads).sigmoid())],
    ]);
  });
  const file = join(folder, `${size}-rule.safetensors`);
  await saveSafetensors(file, given);
  const asked = { file, hidden, valueHeads, dtype: "float32" } as const;
  await compare("rule", size, asked, (tokens, calls) => measureRule(given, valueHeads, tokens, calls));
  for (const one of given.values()) one.dispose();
}

for (const [size, sizes] of Object.entries(SIZES).filter(([name]) => wanted.includes(name))) {
  for (const dtype of ["float32", "bfloat16"] as const) await compareLayer(size, { ...sizes, dtype });
  await compareRule(size, sizes);
}
await peer.close();
rmSync(folder, { recursive: true });
const result = { machine: cpus()[0]?.model, cores: 1, rounds: Number(values.rounds), ...versions, rows };
const text = writeResult(result, values.out);
if (values.json) process.stdout.write(text);
else console.table(rows);
