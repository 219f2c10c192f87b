/** A checkpoint as an ONNX file with its manifest, and the page that scores by it in a browser. */
import { createHash } from "node:crypto";
import { copyFile, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { RocError } from "../errors.js";
import { loadParts } from "../engine/here.js";
import { refuseFilled } from "../engine/save-as.js";
import { worthOf } from "../engine/worth.js";
import { atomicWriteFile, atomicWriteJson, makeFolder, publishFolder, remove } from "../files/index.js";
import { openCheckpointFolder, type CheckpointFolder } from "../models/places.js";
import type { Scale } from "../roc/index.js";
import { buildOnnx } from "./build.js";
import { OPSET } from "./graph.js";
import { MANIFEST_FILE, MANIFEST_FORMAT, type OnnxManifest } from "./manifest.js";

const MODEL_FILE = "model.onnx";

/** Of onnxruntime-web: the processor's WebAssembly, which is all that the page needs of it beside its own script. */
const RUNTIME = "onnxruntime-web/ort-wasm-simd-threaded.wasm";

/** Where set-up has bundled the page; this file is in dist/src/onnx. */
const PAGE = fileURLToPath(new URL("../../alone/", import.meta.url));

/**
 * How {@link exportOnnx} exports.
 */
export interface OnnxExportOptions {
  /** Whether a page that scores photos in the browser, and what it needs, are written too; default false. */
  readonly page?: boolean | undefined;
  /** Lowest and highest score; default: of the ratings that it was trained on, else of its scores. */
  readonly scale?: Scale | undefined;
  /** Folder of the vision tower, for checkpoints that keep it elsewhere (the original LLaVA). */
  readonly visionTower?: string | undefined;
  /** Folder of the base model, for folders of adapters; default: what their adapter_config.json names. */
  readonly base?: string | undefined;
  /** Ends it before anything is written. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What {@link exportOnnx} wrote.
 */
export interface OnnxExport {
  /** Where it is. */
  readonly folder: string;
  /** Bytes of each file in it, by name. */
  readonly files: Readonly<Record<string, number>>;
  /** `manifest.json`. */
  readonly manifest: OnnxManifest;
}

/**
 * Writes a small checkpoint as one ONNX file: vision tower, projector, one forward of the fixed prompt, score head. It takes the
 * bytes of a prepared picture and gives the scores, their spreads and their distributions. `manifest.json` beside it says the rest.
 *
 * @param checkpoint its folder, or a folder of adapters, which are merged before
 * @param folder must be empty or not there; it is complete or not there at all
 * @throws RocError USAGE where the folder is filled, or the checkpoint is of another family than llava, has no score tokens, or is
 *   too large for an ONNX file; FILE_UNWRITABLE; as {@link loadMllm}
 */
export async function exportOnnx(
  checkpoint: string | CheckpointFolder,
  folder: string,
  options: OnnxExportOptions = {},
): Promise<OnnxExport> {
  const { page = false, scale, base, visionTower, signal } = options;
  const out = resolve(folder);
  await refuseFilled(out);
  const opened = await openCheckpointFolder(checkpoint, base);
  const { parts, name, digest } = await loadParts(opened, { dtype: "float32", visionTower, signal });
  let built;
  try {
    built = buildOnnx(parts, scale);
  } finally {
    parts.strategy.dispose?.();
    parts.model.dispose();
  }
  const { bytes, ...rest } = built;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { demo, text: worth } = worthOf({ name, folder: opened.home.path });
  const manifest: OnnxManifest = {
    format: MANIFEST_FORMAT,
    model: { file: MODEL_FILE, bytes: bytes.length, sha256, opset: OPSET },
    checkpoint: { name, digest, family: parts.model.family, demo, worth },
    ...rest,
  };
  signal?.throwIfAborted();
  return { folder: out, files: await written(out, bytes, manifest, page), manifest };
}

async function written(
  out: string,
  bytes: Uint8Array,
  manifest: OnnxManifest,
  page: boolean,
): Promise<Record<string, number>> {
  const aside = `${out}.tmp`;
  try {
    await remove(aside);
    await makeFolder(aside);
    await atomicWriteFile(join(aside, MODEL_FILE), bytes);
    await atomicWriteJson(join(aside, MANIFEST_FILE), manifest);
    if (page) await copyPage(aside);
    const names = (await readdir(aside)).sort();
    const sizes = await Promise.all(names.map(async (name) => [name, (await stat(join(aside, name))).size] as const));
    await publishFolder(aside, out);
    return Object.fromEntries(sizes);
  } finally {
    await remove(aside);
  }
}

/** The page's files, and the runtime's from the package. @throws RocError NATIVE_UNAVAILABLE where the page is not built */
async function copyPage(folder: string): Promise<void> {
  const names = await readdir(PAGE).catch((): string[] => []);
  if (names.length === 0) {
    throw new RocError("NATIVE_UNAVAILABLE", `${PAGE} is not there: the page is not built. Run the set-up again.`);
  }
  for (const name of names) await copyFile(join(PAGE, name), join(folder, name));
  await copyFile(fileURLToPath(import.meta.resolve(RUNTIME)), join(folder, "runtime.wasm"));
}
