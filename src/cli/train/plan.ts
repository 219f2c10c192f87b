/** What a run comes to, as `train --dry-run` prints it. */
import type { ModelPlan, PlannedOutput, TrainingPlan, TrainingSteps } from "../../train/start/plan.js";

/** The plan as a table; without the model's part where that is not known. */
export function planText(plan: TrainingPlan): string {
  const rows = [...stepRows(plan), ...(hasModel(plan) ? modelRows(plan) : [])];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

type SizedPlan = TrainingPlan & Pick<ModelPlan, "parameters" | "memory">;

function hasModel(plan: TrainingPlan): plan is SizedPlan {
  return plan.parameters !== undefined;
}

type Line = readonly [name: string, value: string];

function number(value: number | null): string {
  return value?.toLocaleString("en-US") ?? "?";
}

function stepRows(plan: TrainingSteps): Line[] {
  return [
    ["pictures", `${number(plan.train)}${trainUnit(plan)} to train on, ${number(plan.validation)} to validate`],
    [
      "steps",
      `${number(plan.steps)} of ${plan.samplesPerStep} ${plan.sets === undefined ? "pictures" : "sets"}: ${plan.epochs?.toFixed(2) ?? "?"} epochs`,
    ],
    ...(plan.raters === undefined ? [] : [["raters", `${number(plan.raters)}, each a task`] as const]),
    ...(plan.outputs
      ? [["system", plan.strategy] as const, ...plan.outputs.map(outputRow), ["loss", "the system's own"] as const]
      : [["strategy", plan.strategy] as const, lossRow(plan)]),
  ];
}

/** Behind a number of pictures, where it is not of pictures alone. */
function trainUnit({ raters, sets }: TrainingSteps): string {
  if (sets !== undefined) return ` pictures in ${number(sets)} sets`;
  return raters === undefined ? "" : " ratings";
}

function lossRow({ loss }: TrainingSteps): Line {
  return ["loss", Object.entries(loss).map(([name, weight]) => (weight === 1 ? name : `${weight} ${name}`)).join(" + ")]; // prettier-ignore
}

function outputRow({ name, scale, values, pictures }: PlannedOutput): Line {
  const { votes, rating, none } = pictures;
  const what = values ? `a distribution over ${values.length} scores` : "one number";
  const by = [
    ...(votes > 0 ? [`the votes on ${number(votes)} pictures`] : []),
    ...(rating > 0 ? [`the rating${values ? " and its deviation" : ""} of ${number(rating)}`] : []),
    ...(none > 0 ? [`nothing on ${number(none)}`] : []),
  ];
  return [`  ${name}`, `${scale.min} to ${scale.max}, ${what}${by.length > 0 ? `, taught by ${by.join(", ")}` : ""}`];
}

/** None of a config alone. */
function tokenRows({ tokensPerSample, supervisedTokensPerSample, tokens = null, sets }: TrainingPlan): Line[] {
  if (tokensPerSample === undefined) return [];
  const [most, unit] = sets === undefined ? ["", "picture"] : ["up to ", "set"];
  const each = `${most}${number(tokensPerSample)} per ${unit}, ${supervisedTokensPerSample} of them supervised`;
  return [["tokens", `${each}; ${most}${number(tokens)} in all`]];
}

function modelRows({ parameters, memory, ...plan }: SizedPlan): Line[] {
  const bytes = (value: number): string =>
    value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`;
  return [
    ...tokenRows(plan),
    ["parameters", `${number(parameters.trained)} trained, ${number(parameters.frozen)} frozen`],
    ...Object.entries(parameters.byPart).map(([part, { trained, all }]): Line => [
      `  ${part}`,
      `${number(trained)} of ${number(all)}`,
    ]),
    ["memory", `${bytes(memory.total)} without activations`],
    ...(["weights", "gradients", "optimizer", "masters"] as const).map((part): Line => [
      `  ${part}`,
      bytes(memory[part]),
    ]),
  ];
}
