/**
 * Scorers as their authors published them, one file each: how a checkpoint is recognised, what it is asked, and how its score
 * is read. Data only: what computes is in `readings.ts`. Another scorer is a file here and a line below.
 */
import { beginning, RocError } from "../../errors.js";
import { aesR1 } from "./aes-r1.js";
import { artiMuse } from "./artimuse.js";
import { hpsv3 } from "./hpsv3.js";
import { isNameOf } from "./names.js";
import { plainDirect, plainLevels } from "./plain.js";
import { qAlign } from "./q-align.js";
import { qInsight } from "./q-insight.js";
import { qInstruct, qInstructOwl } from "./q-instruct.js";
import { qReAlign } from "./q-realign.js";
import { qSit } from "./q-sit.js";
import type { Clues, PublishedPrompt, PublishedScorer, ScorerInfo } from "./types.js";
import { uniPercept } from "./unipercept.js";
import { visualQualityR1 } from "./visualquality-r1.js";

/** All of them; the first that a checkpoint is recognised as counts. */
export const PUBLISHED: readonly PublishedScorer[] = [
  qReAlign,
  artiMuse,
  uniPercept,
  qInsight,
  visualQualityR1,
  aesR1,
  qSit,
  hpsv3,
  qInstruct,
  qInstructOwl,
  qAlign,
  plainDirect,
  plainLevels,
];

/** Names of the scorers. */
export const SCORER_NAMES: readonly string[] = PUBLISHED.map(({ name }) => name);

/** In the place of a name: the checkpoint is no published scorer's, whatever it is called. */
export const NO_SCORER = "none";

/** Key of config.json by which a checkpoint that was written here says whose it is, whatever its folder is called. */
export const SCORER_KEY = "roc4mllm_scorer";

/**
 * How a checkpoint is scored that has no score tokens of its own.
 *
 * @category Scoring
 */
export interface ScorerOptions {
  /** Name of a published scorer, as "q-realign", or "none"; default: as which the checkpoint's files are recognised. */
  readonly scorer?: string | undefined;
  /** What is rated, where the scorer rates several things, as "aesthetics"; default: its first. */
  readonly aspect?: string | undefined;
  /** Whose prompt is taken, where public sources differ, as "pyiqa"; default: the scorer's first. */
  readonly promptSource?: string | undefined;
  /** Text that pictures were made from, for scorers that compare both (HPSv3); default: an empty text. */
  readonly text?: string | undefined;
  /** Draw the reasoning as the scorer's authors do, with this seed; default: nothing is drawn. */
  readonly sample?: number | undefined;
}

/** A scorer with everything about it decided. */
export interface ChosenScorer {
  readonly scorer: PublishedScorer;
  readonly info: ScorerInfo;
  /** By what it was recognised, where nobody has said it. */
  readonly how?: string | undefined;
}

/** As which scorer a checkpoint was published, and how that is known; undefined: none that is known here. */
export async function recognise(clues: Clues): Promise<{ scorer: PublishedScorer; how?: string } | undefined> {
  const fitting = PUBLISHED.filter(({ families }) => families.some((type) => type === clues.modelType));
  const written = clues.config[SCORER_KEY];
  const own = fitting.find(({ name }) => name === written);
  if (own) return { scorer: own };
  for (const { name, from } of clues.names) {
    const scorer = fitting.find(({ names }) => names && isNameOf(names, name));
    if (scorer) return { scorer, how: `by ${from} (${JSON.stringify(beginning(name))})` };
  }
  for (const scorer of fitting) {
    if (await scorer.known?.by(clues)) return { scorer, how: `by the checkpoint's files (${scorer.known?.how ?? ""})` };
  }
  return undefined;
}

/** The folder of a hub's repository that holds a published scorer; undefined: it is the repository's own. */
export function folderInRepo(repo: string): string | undefined {
  return PUBLISHED.find(({ hub }) => hub?.repo.toLowerCase() === repo.toLowerCase())?.hub?.folder;
}

/** The base model on the hub whose small files a scorer's weights need, by the names in their folder; undefined: none. */
export function baseOfWeights(names: readonly string[]): string | undefined {
  if (names.includes("config.json") || !names.includes("HPSv3.safetensors")) return undefined;
  return hpsv3.hub?.base;
}

/** A scorer and its reading of a checkpoint's tensors that are not the model's own: their names. */
export function headNames({ reading }: PublishedScorer): string[] {
  return reading.kind === "reward" ? reading.maps.flatMap((name) => [`${name}.weight`, `${name}.bias`]) : [];
}

/** The scorer of that name. @throws RocError USAGE naming those that there are */
export function scorerNamed(name: string): PublishedScorer {
  const found = PUBLISHED.find((scorer) => scorer.name === name);
  if (found) return found;
  throw new RocError(
    "USAGE",
    `--scorer (scorer) is ${JSON.stringify(name)}; give one of ${SCORER_NAMES.join(", ")}, or ${NO_SCORER}.`,
  );
}

/** @throws RocError USAGE for what the scorer has not */
export function choose(scorer: PublishedScorer, options: ScorerOptions): ChosenScorer {
  const { aspect, promptSource, text, sample } = options;
  const [rated, { prompts }] = pick(scorer.aspects, aspect, `--aspect (aspect) of ${scorer.name}`);
  const [, asked] = pick(prompts, promptSource, `--prompt-source (promptSource) of ${scorer.name}, ${rated}`);
  const prompt = promptWith(scorer, asked, text);
  checkSample(scorer, sample);
  const { system, stem, source } = asked;
  return {
    scorer,
    info: {
      name: scorer.name,
      aspect: rated,
      prompt,
      ...(system !== undefined && { system }),
      ...(stem !== undefined && { stem }),
      source,
      ...(sample !== undefined && { sample }),
    },
  };
}

/** @throws RocError USAGE where an option that only published scorers have is given to another checkpoint */
export function refuseOptions({ aspect, promptSource, text, sample }: ScorerOptions, folder: string): void {
  const given = Object.entries({ aspect, "prompt-source": promptSource, text, sample }).find(([, value]) => value !== undefined); // prettier-ignore
  if (!given) return;
  throw new RocError(
    "USAGE",
    `--${given[0]}: ${folder} is asked by its own texts, not as a published scorer. Leave it out.`,
  );
}

function pick<T>(choices: Readonly<Record<string, T>>, asked: string | undefined, what: string): readonly [string, T] {
  const entries = Object.entries(choices);
  const found = asked === undefined ? entries[0] : entries.find(([name]) => name === asked);
  if (found) return found;
  const names = entries.map(([name]) => name).join(", ");
  throw new RocError("USAGE", `${what} is ${JSON.stringify(asked)}; give one of ${names}.`);
}

function promptWith({ name, takesText, reading }: PublishedScorer, { prompt }: PublishedPrompt, text?: string): string {
  if (!takesText) {
    if (text === undefined) return prompt;
    throw new RocError("USAGE", `--text (text): ${name} takes no text about a picture. Leave it out.`);
  }
  const reserved = ["<image>", ...(reading.kind === "reward" ? [reading.token] : [])];
  const found = reserved.find((token) => text?.includes(token));
  if (found !== undefined)
    throw new RocError("USAGE", `--text (text) holds ${found}, which the prompt needs for itself.`);
  return prompt.replace("{text}", () => text ?? "");
}

function checkSample({ name, reading }: PublishedScorer, sample: number | undefined): void {
  if (sample === undefined) return;
  if (reading.kind !== "number") throw new RocError("USAGE", `--sample (sample): ${name} draws nothing. Leave it out.`);
  if (!Number.isSafeInteger(sample) || sample < 0)
    throw new RocError("USAGE", `--sample (sample) is ${sample}; give a seed, a whole number from 0.`);
}
