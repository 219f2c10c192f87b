/**
 * A layer's Gated DeltaNet, projections included, here and by transformers' plain path, in turn and on one core: prefills, and
 * steps behind 64 tokens, at the published sizes.
 *
 *   npm run bench:deltanet [-- --sizes 0.8B,4B] [--rounds 7] [--json] [--out FILE.json]
 *
 * `PYTHON` names a Python with torch and transformers.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GatedDeltaNet } from "../src/nn/delta-net.js";
import { Params, randomSource } from "../src/nn/index.js";
import { LayerStates } from "../src/nn/layer-states.js";
import { inferenceMode, keep, manualSeed, randn, scope, setNumThreads, type Tensor } from "../src/torch/index.js";
import { saveSafetensors } from "../src/weights/index.js";
import { median, Peer, peerPython, stayOnOneCore } from "./peer.js";

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
    json: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
setNumThreads(1);
stayOnOneCore();

function measure(net: GatedDeltaNet, x: Tensor, tokens: number, calls: number): { seconds: number; output: number[] } {
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
      const output = call(true);
      const start = performance.now();
      for (let i = 0; i < calls; i++) call();
      const seconds = (performance.now() - start) / 1000 / calls;
      behind.dispose();
      return { seconds, output };
    }),
  );
}

const folder = mkdtempSync(join(tmpdir(), "roc-deltanet-"));
const peer = new Peer("deltanet.py", [], peerPython());
const rows: object[] = [];
let versions: Pick<Answer, "torch" | "transformers"> | undefined;
const wanted = values.sizes.split(",");
for (const [size, { hidden, valueHeads }] of Object.entries(SIZES).filter(([name]) => wanted.includes(name))) {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const params = new Params(randomSource({ seed: 1, dtype }));
    const net = new GatedDeltaNet(params, hidden, { ...HEADS, valueHeads }, 0, { eps: 1e-6, init: { std: 0.02 } });
    manualSeed(2);
    const x = keep(randn([1, 1025, hidden], { dtype }));
    const file = join(folder, `${size}-${dtype}.safetensors`);
    await saveSafetensors(file, new Map([...params.tensors, ["x", x]]));
    for (const { tokens, calls } of CALLS) {
      const found: { ours: number; theirs: number; apart: number }[] = [];
      for (let round = 0; round <= Number(values.rounds); round++) {
        const ours = measure(net, x, tokens, calls);
        const theirs = await peer.ask<Answer>(JSON.stringify({ file, hidden, valueHeads, dtype, tokens, calls }));
        versions = { torch: theirs.torch, transformers: theirs.transformers };
        const apart = Math.max(...ours.output.map((value, i) => Math.abs(value - (theirs.output[i] ?? NaN))));
        if (round > 0) found.push({ ours: ours.seconds, theirs: theirs.seconds, apart });
      }
      const of = (pick: (one: (typeof found)[number]) => number): number => median(found.map(pick));
      const state = 4 * valueHeads * HEADS.keyDim * HEADS.valueDim;
      rows.push({
        ...{ size, dtype, tokens },
        oursMs: 1000 * of(({ ours }) => ours),
        theirsMs: 1000 * of(({ theirs }) => theirs),
        times: of(({ ours, theirs }) => theirs / ours),
        apart: of(({ apart }) => apart),
        stateBytes: state,
      });
      process.stderr.write(`bench: ${size}, ${dtype}, ${tokens} tokens\n`);
    }
    for (const one of [x, ...params.tensors.values()]) one.dispose();
  }
}
await peer.close();
rmSync(folder, { recursive: true });
const result = { machine: cpus()[0]?.model, cores: 1, rounds: Number(values.rounds), ...versions, rows };
const text = `${JSON.stringify(result, null, 2)}\n`;
if (values.out !== undefined) writeFileSync(values.out, text);
if (values.json) process.stdout.write(text);
else console.table(rows);
