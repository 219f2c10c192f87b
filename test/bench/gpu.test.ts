/** bench:gpu at tiny sizes on the CPU. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { benchGpu, gpuTable } from "../../bench/gpu.js";
import { PLAN } from "../../bench/gpu-parts.js";
import { isRocError } from "../../src/errors.js";

test("every part of bench:gpu runs and gives its figures", async () => {
  const found = await benchGpu({ device: "cpu", quick: true, rounds: 1 });
  assert.equal(found.results.length, PLAN.length);
  for (const { part, error, figures, peakBytes } of found.results) {
    assert.equal(error, undefined, `${part}: ${error?.message}`);
    assert.ok(figures.length >= 1, part);
    for (const { what, value } of figures) assert.ok(value > 0 && Number.isFinite(value), `${part}: ${what}`);
    assert.ok((peakBytes ?? 0) > 1e7, part);
  }
  assert.match(gpuTable(found), /prefill qwen2-vl-2b +prefill of 104 tokens, batch 2, ms a picture +\d/);
});

test("a part that takes too long or has no time left is told, and the others run", async () => {
  const found = await benchGpu({
    device: "cpu",
    quick: true,
    rounds: 100_000,
    minutes: 0.05,
    only: ["products", "train"],
  });
  const [slow, left] = found.results;
  assert.deepEqual([slow?.error?.code, left?.error?.code], ["ABORTED", "ABORTED"]);
  assert.match(slow?.error?.message ?? "", /^stopped after 3 s$/);
  assert.match(left?.error?.message ?? "", /no time is left/);
  assert.match(gpuTable(found), /products +ours failed: stopped after 3 s \(ABORTED\)/);
});

test("a device that is not here, and a part that is none, are refused", async () => {
  const refused = (message: RegExp) => (error: unknown) => isRocError(error) && error.code === "USAGE" && message.test(error.message); // prettier-ignore
  await assert.rejects(benchGpu({ device: "cuda:99" }), refused(/Device cuda:99/));
  await assert.rejects(benchGpu({ device: "cpu", only: ["prefil"] }), refused(/no part prefil/));
});
