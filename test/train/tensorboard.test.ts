import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { chart } from "../../src/cli/train/chart.js";
import { figuresOf } from "../../src/train/run/metrics-file.js";
import { crc32c, EventFile, isEventFile } from "../../src/train/run/tensorboard.js";
import { fixture } from "../support.js";

test("CRC-32C gives RFC 3720's values", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

test("an event file is byte for byte what tensorboard's own writer makes", async () => {
  const run = await mkdtemp(join(tmpdir(), "roc-events-"));
  try {
    const events = new EventFile(run, 300, () => 1700000000.25);
    await events.append(301, { "train/loss": 0.1, "train/learningRate": 2e-5 });
    await events.append(70000, { "validation/srcc": -0.5 });
    assert.ok(isEventFile(basename(events.path)));
    assert.deepEqual(await readFile(events.path), await readFile(fixture("train/events.tfevents")));
  } finally {
    await rm(run, { recursive: true });
  }
});

test("a figure beyond float32's range is infinite", async () => {
  const run = await mkdtemp(join(tmpdir(), "roc-events-"));
  try {
    const events = new EventFile(run, 0, () => 0);
    await events.append(1, { loss: -1e300 });
    const infinite = Buffer.alloc(5, 0x15);
    infinite.writeFloatLE(-Infinity, 1);
    assert.ok((await readFile(events.path)).includes(infinite));
  } finally {
    await rm(run, { recursive: true });
  }
});

test("figures have tags; one that is not defined has none", () => {
  const figures = figuresOf({
    type: "validation",
    step: 3,
    srcc: null,
    plcc: 0.5,
    mae: 1,
    count: 9,
    failed: 0,
    best: false,
  });
  assert.deepEqual(figures, { "validation/plcc": 0.5, "validation/mae": 1 });
});

test("a chart has its highest and lowest value in front, and fits its width", () => {
  assert.deepEqual(chart("loss", [0, 1, 2], { height: 2 }), ["      loss", "2.000  ▁█", "0.000 ▁██"]);
  const wide = chart(
    "loss",
    Array.from({ length: 1000 }, (_, i) => i),
    { width: 20 },
  );
  assert.deepEqual([wide.length, wide.at(-1)?.length], [6, "974.500".length + 1 + 20]);
  assert.deepEqual(chart("loss", [1]), []);
  assert.deepEqual(chart("SRCC", [NaN, 1, 1], { height: 1 }), ["      SRCC", "1.000 ▁▁"]);
});
