/**
 * What a call costs: a one-element add, a 4x4 matrix product, forward and backward of a small MLP, from JavaScript and
 * from Python torch of the same version, alternately and in one run.
 *
 *   npm run bench:op-overhead [-- --rounds 15] [--json]
 */
import { parseArgs } from "node:util";
import {
  aten,
  getNumThreads,
  manualSeed,
  ones,
  randn,
  scope,
  setNumThreads,
  torchVersion,
  zeros,
} from "../src/torch/index.js";
import { Peer, median, stayOnOneCore } from "./peer.js";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, json: { type: "boolean", default: false } },
});
setNumThreads(1);
stayOnOneCore();

const one = ones([1]);
const square = ones([4, 4]);
const linear = aten("linear");
manualSeed(0);
const x = randn([32, 64]);
const y = randn([32, 10]);
const parameters = {
  w1: randn([128, 64]).mul_(0.1).requiresGrad_(),
  b1: zeros([128], { requiresGrad: true }),
  w2: randn([10, 128]).mul_(0.1).requiresGrad_(),
  b2: zeros([10], { requiresGrad: true }),
};

/** Runs `body` `count` times, a scope for every 50. */
function inScopes(count: number, body: () => void): void {
  for (let i = 0; i < count; i += 50) {
    scope(() => {
      for (let j = 0; j < 50; j++) body();
    });
  }
}

function mlp(): void {
  const { w1, b1, w2, b2 } = parameters;
  const hidden = linear(x, w1, b1).relu();
  linear(hidden, w2, b2).sub(y).pow(2).mean().backward();
  for (const parameter of [w1, b1, w2, b2]) parameter.grad = null;
}

const CASES = {
  add: { count: 20000, run: (count: number) => inScopes(count, () => void one.add(one)) },
  matmul: { count: 20000, run: (count: number) => inScopes(count, () => void square.matmul(square)) },
  mlp: { count: 500, run: (count: number) => inScopes(count, mlp) },
};

function measure(name: keyof typeof CASES): number {
  const { count, run } = CASES[name];
  run(count / 10);
  const begin = process.hrtime.bigint();
  run(count);
  return Number(process.hrtime.bigint() - begin) / count;
}

const peer = new Peer("op-overhead.py", [String(getNumThreads())]);
const results = [];
for (const name of Object.keys(CASES) as (keyof typeof CASES)[]) {
  const rounds: { ours: number; python: number; ratio: number }[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const ours = measure(name);
    const python = await peer.ask<number>(name);
    if (round > 0) rounds.push({ ours, python, ratio: ours / python });
  }
  const of = (key: "ours" | "python" | "ratio"): number => median(rounds.map((round) => round[key]));
  results.push({ name, oursNs: of("ours"), pythonNs: of("python"), ratio: of("ratio") });
}
await peer.close();

if (options.json) console.log(JSON.stringify({ torch: torchVersion(), node: process.version, results }));
else {
  console.log(
    `torch ${torchVersion()}, Node ${process.version}, 1 thread; medians, nanoseconds a call; ratio: ours / Python`,
  );
  for (const { name, oursNs, pythonNs, ratio } of results) {
    console.log(
      `${name.padEnd(8)} ${oursNs.toFixed(0).padStart(9)} ${pythonNs.toFixed(0).padStart(9)}  ${ratio.toFixed(2)}x`,
    );
  }
}
