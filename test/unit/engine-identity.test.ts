import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { identify } from "../../src/engine/identity.js";

const folder = mkdtempSync(join(tmpdir(), "engine-identity-"));
after(() => rmSync(folder, { recursive: true }));

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
  for (const at of [0, weights.length - 1]) {
    weights[at] = 8;
    write("model.safetensors", weights);
    await changed(`byte ${at}`);
  }
  write("model.safetensors", weights.subarray(1));
  await changed("length");
});
