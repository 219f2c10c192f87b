/** Which checkpoint speaks, and what its scores are worth on real photographs: for whoever reads them. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { knownCheckpoint, publishedWorth, type KnownCheckpoint } from "../roc/published/checkpoints.js";
import { DEMO_MODEL } from "./demo.js";
import type { Model } from "./types.js";

/** The file that a checkpoint of one part keeps its weights in; src/weights lies above. */
const WEIGHTS = "model.safetensors";

/** What is known of a checkpoint's worth. */
export interface Worth {
  /** Whether these are the demo weights, which know nothing of real photographs. */
  readonly demo: boolean;
  /** A checkpoint that others published; undefined: none that is known here. */
  readonly known: KnownCheckpoint | undefined;
  /** All of it as one sentence with its full stop. */
  readonly text: string;
}

/**
 * What the scores of a model are worth on real photographs.
 *
 * @param model its name, its folder and how it is asked, as far as they are known
 */
export function worthOf({ name, folder, method }: Pick<Model, "name" | "folder" | "method">): Worth {
  if (folder !== undefined && (isSameFolder(folder, DEMO_MODEL) || isCopy(folder, DEMO_MODEL))) {
    const text = "The demo weights show that everything works and know nothing of real photographs.";
    return { demo: true, known: undefined, text };
  }
  const known = knownCheckpoint(name);
  if (known) {
    const worth = publishedWorth(known, method && (method.scorer ?? null));
    return { demo: false, known, text: `${known.title}: ${worth}.` };
  }
  const text = `What ${name} is worth on real photographs is unknown here: "roc4mllm eval" measures it on yours.`;
  return { demo: false, known, text };
}

/** Whether a folder has the weights of another, to the byte: wherever they lie, they are worth the same. */
function isCopy(a: string, b: string): boolean {
  const [one, other] = [join(a, WEIGHTS), join(b, WEIGHTS)];
  try {
    return statSync(one).size === statSync(other).size && readFileSync(one).equals(readFileSync(other));
  } catch {
    return false;
  }
}

function isSameFolder(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return a === b;
  }
}
