/** A checkpoint as an ONNX file with its manifest, and the page that scores by it in a browser. */
import { createHash } from "node:crypto";
import { copyFile, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { RocError } from "../errors.js";
import { baselineOf } from "../engine/baseline-source.js";
import { loadParts } from "../engine/here.js";
import { worthOf } from "../engine/worth.js";
import { atomicWriteFile, atomicWriteJson, ifThere, refuseFilled, writeFolder } from "../files/index.js";
import { factsOf } from "../models/families.js";
import { openCheckpointFolder, type CheckpointFolder } from "../models/places.js";
import type { Scale } from "../roc/index.js";
import { buildOnnx, refuseFamily } from "./build.js";
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
 *   too large for an ONNX file; IN_USE where another process writes the folder; FILE_UNWRITABLE; as {@link loadMllm}
 */
export async function exportOnnx(
  checkpoint: string | CheckpointFolder,
  folder: string,
  options: OnnxExportOptions = {},
): Promise<OnnxExport> {
  const out = resolve(folder);
  await refuseFilled(out);
  const opened = await openCheckpointFolder(checkpoint, options.base);
  await refuseOthers(opened);
  return writeFolder(out, async (aside) => {
    const { bytes, manifest } = await built(opened, options);
    return { folder: out, files: await written(aside, bytes, manifest, options.page ?? false), manifest };
  });
}

/** Before anything is loaded: what cannot be exported need not be trained, or whole. */
async function refuseOthers(opened: CheckpointFolder): Promise<void> {
  if (await baselineOf(opened)) return refuseFamily(undefined);
  const config = (await ifThere(opened.config())) as { model_type?: unknown } | null | undefined;
  const facts = factsOf(config?.model_type);
  if (facts) refuseFamily(facts.modelTypes[0]);
}

interface Built {
  readonly bytes: Uint8Array;
  readonly manifest: OnnxManifest;
}

async function built(opened: CheckpointFolder, { scale, visionTower, signal }: OnnxExportOptions): Promise<Built> {
  const { parts, name, digest } = await loadParts(opened, { dtype: "float32", visionTower, signal });
  let graph;
  try {
    graph = buildOnnx(parts, scale);
  } finally {
    parts.strategy.dispose?.();
    parts.model.dispose();
  }
  const { bytes, ...rest } = graph;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { demo, text: worth } = worthOf({ name, folder: opened.home.path });
  const manifest: OnnxManifest = {
    format: MANIFEST_FORMAT,
    model: { file: MODEL_FILE, bytes: bytes.length, sha256, opset: OPSET },
    checkpoint: { name, digest, family: parts.model.family, demo, worth },
    ...rest,
  };
  signal?.throwIfAborted();
  return { bytes, manifest };
}

/** @returns bytes of each file, by name */
async function written(
  folder: string,
  bytes: Uint8Array,
  manifest: OnnxManifest,
  page: boolean,
): Promise<Record<string, number>> {
  await atomicWriteFile(join(folder, MODEL_FILE), bytes);
  await atomicWriteJson(join(folder, MANIFEST_FILE), manifest);
  if (page) await copyPage(folder);
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).size] as const)),
  );
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
