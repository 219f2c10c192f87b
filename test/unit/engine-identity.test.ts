import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { checkpointName, digestCheckpoint } from "../../src/engine/identity.js";

const folder = mkdtempSync(join(tmpdir(), "engine-identity-"));
after(() => rmSync(folder, { recursive: true }));

async function identify(path: string): Promise<string> {
  return checkpointName(path, await digestCheckpoint(path));
}

test("a snapshot of the hub's cache has the repository's name, not 40 digits", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const digest = "8".repeat(64);
  assert.equal(
    checkpointName(`/hub/models--q-future--one-align/snapshots/${commit}`, digest),
    "q-future/one-align@88888888",
  );
  assert.equal(checkpointName(`/elsewhere/${commit}/`, digest), `${commit}@88888888`);
});

test("a checkpoint's name is its folder's with a digest that any part of it changes", async () => {
  const weights = Buffer.alloc(3 * 2 ** 20, 7);
  const write = (name: string, data: string | Buffer): void => writeFileSync(join(folder, name), data);
  write("config.json", "{}");
  write("model.safetensors", weights);
  const seen = [await identify(folder)];
  assert.match(seen[0] as string, new RegExp(`^${basename(folder)}@[0-9a-f]{8}$`));
  assert.equal(await identify(`${folder}/`), seen[0]);

  write("optimizer.safetensors", "not a part");
  write("trainer.json", "{}");
  assert.equal(await identify(folder), seen[0]);

  const changed = async (what: string): Promise<void> => {
    const name = await identify(folder);
    assert.ok(!seen.includes(name), what);
    seen.push(name);
  };
  write("config.json", "{ }");
  await changed("config");
  write("roc_templates.json", "{}");
  await changed("templates");
  // Every byte counts, also between the blocks that a sample would take.
  for (const at of [0, 100_000, 1_234_567, weights.length - 1]) {
    weights[at] = 8;
    write("model.safetensors", weights);
    await changed(`byte ${at}`);
  }
  write("model.safetensors", weights.subarray(1));
  await changed("length");
});
