/** What a folder or file of a classical system holds and what it lacks, without computing anything. */
import { loadOpened, openBaseline, type OpenBaseline } from "../baselines/registry.js";
import type { BaselineSource } from "../baselines/source.js";
import type { Output } from "../baselines/types.js";
import { isRocError } from "../errors.js";
import type { CheckpointDescription } from "./describe.js";
import { damageText, EMPTY_TOTALS, tensorsOf, totalsOf } from "./totals.js";
import { findNonFinite } from "../torch/index.js";

/** Which classical system a checkpoint is. */
export interface DescribedSystem {
  readonly name: string;
  readonly title: string;
  /** What its weights are read as: the system's title, or whose file it is. */
  readonly what: string;
  readonly outputs: readonly Output[];
}

/** Looks at it; whatever is wrong is in `problems`. @param values whether to read the weights for values that are not finite */
export async function describeBaseline(source: BaselineSource, values: boolean): Promise<CheckpointDescription> {
  const problems: string[] = [];
  const attempt = <T>(error: unknown): T | undefined => {
    if (!isRocError(error)) throw error;
    problems.push(error.message);
    return undefined;
  };
  const opened = await openBaseline(source).catch((error: unknown) => attempt<OpenBaseline>(error));
  const found = opened && lookedAt(opened, values, attempt);
  if (found?.damage !== undefined) problems.push(found.damage);
  const variant = opened?.config["variant"];
  return {
    folder: source.path,
    adapter: undefined,
    family: opened?.system.name,
    architecture: opened && [opened.system.title, typeof variant === "string" ? variant : ""].filter(Boolean).join(" "),
    quantization: undefined,
    ...(found?.totals ?? EMPTY_TOTALS),
    scoreTokens: undefined,
    templates: undefined,
    nonFinite: found?.nonFinite,
    ...(opened && {
      system: {
        name: opened.system.name,
        title: opened.system.title,
        what: opened.what,
        outputs: found?.outputs ?? [],
      },
    }),
    problems,
  };
}

function lookedAt(opened: OpenBaseline, values: boolean, attempt: (error: unknown) => undefined) {
  const { checkpoint } = opened;
  const totals = totalsOf(checkpoint);
  const nonFinite = values ? findNonFinite(tensorsOf(checkpoint)) : undefined;
  const damage = nonFinite && damageText(checkpoint, nonFinite);
  try {
    const model = loadOpened(opened, { outline: true });
    const { outputs } = model;
    model.dispose();
    return { totals, nonFinite, damage, outputs };
  } catch (error) {
    attempt(error);
    return { totals, nonFinite, damage, outputs: [] };
  } finally {
    checkpoint.dispose();
  }
}
