/** Validations and states of rank 0 may take longer than any operation of the group may wait. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import sharp from "sharp";
import { runRanks, SKIP } from "../torch/distributed-support.js";

const RANK = new URL("./slow-first-rank.js", import.meta.url);
const TIMEOUT = "2500";

let folder = "";
let image = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-slow-"));
  image = join(folder, "x.png");
  await sharp(Uint8Array.of(1, 0, 0), { raw: { width: 1, height: 1, channels: 3 } })
    .png()
    .toFile(image);
});
after(() => rm(folder, { recursive: true, force: true }));

// Mostly waiting: at once.
describe("the others wait for validations and states of rank 0", { concurrency: true }, () => {
  for (const optimizer of ["whole", "sharded"]) {
    test(`its optimizer ${optimizer}`, { skip: SKIP }, async () => {
      const ends = await runRanks(2, RANK, [image, join(folder, optimizer), TIMEOUT, optimizer]);
      for (const { code, stderr } of ends) assert.deepEqual([code, stderr], [0, ""]);
    });
  }
});
