/** Which checkpoint speaks, and what its scores are worth on real photographs: for whoever reads them. */
import { realpathSync } from "node:fs";
import { knownCheckpoint, publishedWorth, type KnownCheckpoint } from "../roc/published/checkpoints.js";
import { DEMO_MODEL } from "./demo.js";
import type { Model } from "./types.js";

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
  if (folder !== undefined && isSameFolder(folder, DEMO_MODEL)) {
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

function isSameFolder(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return a === b;
  }
}
