/** `roc4mllm inspect checkpoint`: what a folder holds, and what it lacks. */
import { basename } from "node:path";
import { Command } from "commander";
import { describeCheckpoint, type CheckpointDescription } from "../../engine/describe.js";
import { ERROR_CODES } from "../../errors.js";
import { chooseState } from "../../models/places.js";
import { BASE_HELP, refusePhotos } from "../shared/find-model.js";
import type { Context } from "../shared/io.js";

const HELP = `
The weights are read for values that are NaN or infinite, unless --no-values is given. The exit code is ${ERROR_CODES.CHECKPOINT_INVALID} where the folder cannot be used as it is.`;

export function inspectCheckpointCommand({ io, setExitCode }: Context): Command {
  return new Command("checkpoint")
    .description("what a checkpoint folder holds, and what it lacks")
    .argument(
      "<folder>",
      "checkpoint folder, run folder, folder of adapters, or a file of a classical system's weights",
    )
    .option("--base <folder>", BASE_HELP)
    .option("--no-values", "do not read the weights: quick for large ones, but finds no NaN")
    .option("--json", "one JSON object")
    .addHelpText("after", HELP)
    .action(async (given: string, { json, values, base }: { json?: true; values: boolean; base?: string }) => {
      await refusePhotos(given);
      const folder = (await chooseState(given))?.folder ?? given;
      const description = await describeCheckpoint(folder, { values, base });
      io.stdout.write(json ? `${JSON.stringify(jsonOf(description))}\n` : table(description));
      if (description.problems.length > 0) setExitCode(ERROR_CODES.CHECKPOINT_INVALID);
    });
}

/** `null` for what is not there: a key is never left out. */
function jsonOf({
  family,
  architecture,
  adapter,
  scoreTokens,
  templates,
  nonFinite,
  quantization,
  ...rest
}: CheckpointDescription): unknown {
  const absent = <T>(value: T | undefined): T | null => value ?? null;
  const found = { family: absent(family), architecture: absent(architecture), score_tokens: absent(scoreTokens) };
  const quantized = quantization
    ? { ...quantization, source: absent(quantization.source), digest: absent(quantization.digest) }
    : null;
  return {
    ...found,
    adapter: absent(adapter),
    quantization: quantized,
    ...rest,
    templates: absent(templates),
    nonFinite: absent(nonFinite),
  };
}

function table(description: CheckpointDescription): string {
  const { adapter, scoreTokens, templates, problems, quantization, system } = description;
  const number = (value: number): string => value.toLocaleString("en-US");
  const dtypes = Object.entries(description.dtypes).map(([dtype, elements]) => `${dtype} ${number(elements)}`);
  const rows: (readonly [string, string])[] = [
    ["folder", description.folder],
    ...(adapter ? [["adapters", `${adapter.folder} on ${adapter.base}`] as const] : []),
    ["family", [description.family ?? "unknown", description.architecture].filter(Boolean).join(", ")],
    ["parameters", `${number(description.parameters)} in ${number(description.tensors)} tensors`],
    ["dtypes", dtypes.join(", ") || "none"],
    ...(quantization
      ? [["quantised", `${quantization.method}, from ${quantization.source ?? "unknown"}`] as const]
      : []),
    [
      "weights",
      `${(description.bytes / 1e6).toFixed(1)} MB in ${description.files.map((f) => basename(f)).join(", ")}`,
    ],
    ...(system ? systemRows(system) : textRows(scoreTokens, templates)),
    ...problems.map((problem) => ["problem", problem] as const),
    ["usable", problems.length === 0 ? "yes" : "no"],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

function systemRows({ what, outputs }: NonNullable<CheckpointDescription["system"]>) {
  const texts = outputs.map(({ name, scale, values, unbounded }) => {
    const form = values ? `a distribution over ${values.length} values` : "a number";
    return `${name}, ${form} from ${scale.min} to ${scale.max}${unbounded ? ", which does not bound it" : ""}`;
  });
  return [["read as", what] as const, ["predicts", texts.join("; ") || "unknown"] as const];
}

function textRows(
  scoreTokens: CheckpointDescription["scoreTokens"],
  templates: CheckpointDescription["templates"],
): (readonly [string, string])[] {
  return [
    ["score tokens", scoreTokens ? scoreText(scoreTokens) : "none: train first, or score by levels"],
    ...(templates ? templateRows(templates) : [["templates", "none"] as const]),
  ];
}

function scoreText({
  positionId,
  firstId,
  lastId,
  n,
  scale,
}: NonNullable<CheckpointDescription["scoreTokens"]>): string {
  return `position ${positionId}, ${n} scores ${firstId}..${lastId} for ${scale.min} to ${scale.max}`;
}

function templateRows({ prompts, answers }: NonNullable<CheckpointDescription["templates"]>) {
  const more = (texts: readonly string[]): string => (texts.length > 1 ? ` (and ${texts.length - 1} more)` : "");
  const shown = (texts: readonly string[]): string => JSON.stringify(texts[0] ?? "") + more(texts);
  return [["prompt", shown(prompts)] as const, ["answer", shown(answers)] as const];
}
