/** Reads the manifest and the model beside the page, and checks that they belong together. */
import { messageOf } from "../../src/errors.js";
import * as runtime from "onnxruntime-web/wasm";
import { MANIFEST_FILE, MANIFEST_FORMAT, type OnnxManifest } from "../../src/onnx/manifest.js";
import { AGAIN, bytesOf } from "./served.js";

export interface Loaded {
  readonly manifest: OnnxManifest;
  readonly session: runtime.InferenceSession;
}

const RUNTIME = "runtime.wasm";

/**
 * @param base where the page's files are
 * @throws Error whose message says what is wrong, and what to do
 */
export async function load(base: string): Promise<Loaded> {
  const manifest = manifestOf(await bytesOf(MANIFEST_FILE, base));
  const { file, bytes, sha256 } = manifest.model;
  const model = await bytesOf(file, base);
  if (model.length !== bytes || !(await hasDigest(model, sha256)))
    throw new Error(
      `${file} is not the model that ${MANIFEST_FILE} describes: it is damaged or of another export. ${AGAIN}`,
    );
  runtime.env.wasm.numThreads = 1;
  const code = await bytesOf(RUNTIME, base);
  runtime.env.wasm.wasmBinary = code.buffer;
  runtime.env.logLevel = "error";
  const session = await runtime.InferenceSession.create(model).catch((cause: unknown) => {
    const named = WebAssembly.validate(code) ? file : RUNTIME;
    throw new Error(`${named} cannot be loaded (${messageOf(cause)}). ${AGAIN}`);
  });
  return { manifest, session };
}

/** As far as it is used; the model is checked against it after that. */
function manifestOf(bytes: Uint8Array): OnnxManifest {
  try {
    const manifest = JSON.parse(new TextDecoder().decode(bytes)) as OnnxManifest;
    const { format, model, checkpoint, scale, ratings, scores, main, picture } = manifest;
    const numbers = [model.bytes, scale.min, scale.max, main, picture.width, picture.height, ...ratings];
    const texts = [model.file, model.sha256, checkpoint.name, checkpoint.worth, ...scores];
    const { resize, pad } = picture.steps;
    const sizes = "width" in resize ? [resize.width, resize.height] : [resize.shortestEdge];
    const isWhole =
      format === MANIFEST_FORMAT &&
      [...numbers, ...sizes, ...(pad ?? [])].every(Number.isFinite) &&
      texts.every((text) => typeof text === "string") &&
      scores[main] !== undefined;
    if (isWhole) return manifest;
  } catch {
    // Told below.
  }
  throw new Error(`${MANIFEST_FILE} is damaged, or of another version than this page. ${AGAIN}`);
}

/** Where the page is not served by https or from this machine, browsers have no digests: the size has to do. */
async function hasDigest(bytes: Uint8Array<ArrayBuffer>, wanted: string): Promise<boolean> {
  if (!globalThis.isSecureContext) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") === wanted;
}
