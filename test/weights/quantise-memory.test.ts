/** Rounded as they are read: the weights of the file are never in memory beside the bytes. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeRandom } from "../../bench/full-size-models.js";
import { smallLlava } from "../../bench/int8.js";
import { Peer } from "../../bench/peer.js";
import type { LoadOptions } from "../../src/models/types.js";
import { DTYPES } from "../../src/torch/index.js";
import { loadModel } from "../../src/models/registry.js";

const WORKER = fileURLToPath(new URL("../../bench/full-size-worker.js", import.meta.url));

/** Most memory of a process that loads a folder so. */
async function peakOf(folder: string, options: LoadOptions): Promise<number> {
  const peer = new Peer(WORKER, [folder, "", "1", JSON.stringify(options)], process.execPath);
  try {
    return (await peer.ask<{ peak: number }>("load")).peak;
  } finally {
    await peer.close();
  }
}

/** What the allocators may keep beside what is asked of them. */
const SLACK = 24e6;

test("loading in 8 bits takes the bytes, the rest and one tensor", { skip: process.platform !== "linux" }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "quantise-memory-"));
  try {
    // 90 million parameters.
    const stored = await writeRandom(folder, smallLlava(1024, 384, 7, 56));
    using outline = await loadModel(folder, { quantize: "int8", outline: true });
    const sizes = [...outline.parameters().values()].map(({ numel, dtype }) => ({
      numel,
      bytes: numel * DTYPES[dtype].bytes,
    }));
    const held = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
    // In bfloat16 and as bytes.
    const one = 3 * Math.max(...sizes.map(({ numel }) => numel));
    assert.ok(held + one + SLACK < 0.8 * stored, "or nothing is shown");
    const [none, int8] = [await peakOf(folder, { outline: true }), await peakOf(folder, { quantize: "int8" })];
    assert.ok(int8 - none < held + one + SLACK, `${int8 - none} for ${held} and ${one}`);
    assert.ok(int8 - none > 0.8 * held, "or the weights are not read");
  } finally {
    await rm(folder, { recursive: true });
  }
});
