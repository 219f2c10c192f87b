/** Which checkpoint a score comes from. */
import { createHash, type Hash } from "node:crypto";
import { open, readdir, type FileHandle } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

const BLOCK = 64 * 1024;
const BLOCKS = 16;

/** Whatever decides a score; not the optimizer's state, nor anything else that may lie in the folder. */
const PARTS =
  /^(config|processor_config|preprocessor_config|tokenizer|added_tokens|roc_templates)\.json$|^tokenizer\.model$|^(pytorch_)?model.*\.(safetensors|bin)$/;

/**
 * `folder@digest`: the folder's name and 8 hex digits over its weights, configuration, tokenizer and templates.
 *
 * Cheap for any size: of a file over 1 MiB the length and 16 blocks spread over it are read (the first holds the
 * names and shapes of the weights). Training moves every weight, so two states of a run differ in every block.
 */
export async function identify(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => PARTS.test(name)).sort();
  const hash = createHash("sha256");
  for (const name of names) {
    hash.update(`${name}\n`);
    const file = await open(join(folder, name));
    try {
      await sample(file, hash);
    } finally {
      await file.close();
    }
  }
  return `${basename(resolve(folder))}@${hash.digest("hex").slice(0, 8)}`;
}

async function sample(file: FileHandle, hash: Hash): Promise<void> {
  const { size } = await file.stat();
  hash.update(`${size}\n`);
  const whole = size <= BLOCK * BLOCKS;
  const blocks = whole ? Math.ceil(size / BLOCK) : BLOCKS;
  // Spread so that the first block starts with the file and the last one ends with it.
  const stride = whole ? BLOCK : (size - BLOCK) / (BLOCKS - 1);
  const buffer = new Uint8Array(BLOCK);
  for (let block = 0; block < blocks; block++) {
    const { bytesRead } = await file.read(buffer, 0, BLOCK, Math.round(block * stride));
    hash.update(buffer.subarray(0, bytesRead));
  }
}
