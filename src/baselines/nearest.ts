/** Weights that no system recognises: which systems were tried, and whose layout is nearest. */
import { isRocError, RocError } from "../errors.js";
import type { ParamSource } from "../nn/index.js";
import { keep, scope, zeros } from "../torch/index.js";
import type { Checkpoint } from "../weights/index.js";
import type { NewModel, System } from "./types.js";

/** Names that a message lists; the rest is counted. */
const LISTED = 5;

/** Placeholders without memory of their own. */
const OUTLINE: ParamSource = { take: (_name, shape) => keep(scope(() => zeros([]).expand(...shape))) };

interface Layout {
  readonly title: string;
  readonly names: ReadonlySet<string>;
}

const SCALE = { min: 1, max: 10 };

/** The names of every network of a system, with its usual head: a distribution where it predicts one, else a number. */
function layoutsOf(system: System): Layout[] {
  return system.variants.flatMap((variant) => {
    const found = namesOf(system, { variant, scale: SCALE, bins: 10 }) ?? namesOf(system, { variant, scale: SCALE });
    return found ? [{ title: `${system.title} (${variant})`, names: found }] : [];
  });
}

/** Undefined for a network that cannot be made so. */
function namesOf(system: System, wanted: NewModel): Set<string> | undefined {
  try {
    const model = system.create(system.configure(wanted), OUTLINE);
    const names = new Set([...model.parameters().keys(), ...model.buffers().keys()]);
    model.dispose();
    return names;
  } catch (error) {
    if (isRocError(error)) return undefined;
    throw error;
  }
}

/** Names of both over names of either. */
function likeness(names: readonly string[], layout: Layout): number {
  const both = names.filter((name) => layout.names.has(name)).length;
  return both / (names.length + layout.names.size - both);
}

function listed(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const rest = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
  return `; ${what}: ${names.slice(0, LISTED).join(", ")}${rest}`;
}

/** The error of weights that are of no system's layout, which names the systems and what differs from the nearest. */
export function unknownLayout(checkpoint: Checkpoint, systems: readonly System[]): RocError {
  const names = checkpoint.names();
  const [nearest] = systems
    .flatMap(layoutsOf)
    .map((layout) => ({ layout, likeness: likeness(names, layout) }))
    .sort((a, b) => b.likeness - a.likeness);
  const tried = systems.map(({ title }) => title).join(", ");
  const text = `${checkpoint.path} holds weights of no classical system that is known here (tried: ${tried})`;
  const remedy = "Give a folder with config.json, or the file that the system's authors or pyiqa publish.";
  if (nearest === undefined || nearest.likeness === 0)
    return new RocError("CHECKPOINT_MISMATCH", `${text}${listed("it holds", names)}. ${remedy}`);
  const { title, names: wanted } = nearest.layout;
  const missing = [...wanted].filter((name) => !checkpoint.has(name));
  const unexpected = names.filter((name) => !wanted.has(name));
  if (missing.length + unexpected.length === 0) {
    const lost = "These are the names of our own files: config.json is missing beside them";
    return new RocError("CHECKPOINT_MISMATCH", `${text}. They are named as ${title}. ${lost}. ${remedy}`);
  }
  const differs = `${listed("missing", missing)}${listed("unexpected", unexpected)}`;
  return new RocError("CHECKPOINT_MISMATCH", `${text}. The nearest is ${title}${differs}. ${remedy}`);
}
