/** Folders with a data set's fixture and pictures of their own, gone after the test. */
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import sharp from "sharp";
import { fixture } from "../support.js";

/** A copy of the fixture `datasets/<name>` that the test may change. */
export async function datasetFolder(t: TestContext, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "data-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(fixture(`datasets/${name}`), folder, { recursive: true });
  return folder;
}

/** Writes small pictures, each with another content: file by file (seen from the folder), in order. */
export async function paint(folder: string, files: readonly string[]): Promise<void> {
  for (const [i, file] of files.entries()) {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    const background = { r: 20 * i, g: 255 - 20 * i, b: 90 };
    const image = sharp({ create: { width: 4 + i, height: 5, channels: 3, background } });
    await (path.endsWith(".png") ? image.png() : image.jpeg()).toFile(path);
  }
}
