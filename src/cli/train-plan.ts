/** What a run comes to, as `train --dry-run` prints it. */
import type { PlanDescription } from "../train/plan.js";

/** The plan as a table. */
export function planText({ parameters, memory, ...plan }: PlanDescription): string {
  const number = (value: number): string => value.toLocaleString("en-US");
  const bytes = (value: number): string =>
    value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`;
  const rows: [string, string][] = [
    ["pictures", `${number(plan.train)} to train on, ${number(plan.validation)} to validate`],
    ["steps", `${number(plan.steps)} of ${plan.samplesPerStep} pictures: ${plan.epochs.toFixed(2)} epochs`],
    ["strategy", plan.strategy],
    [
      "tokens",
      `${number(plan.tokensPerSample)} a picture, ${plan.supervisedTokensPerSample} of them supervised; ${number(plan.tokens)} in all`,
    ],
    ["parameters", `${number(parameters.trained)} trained, ${number(parameters.frozen)} frozen`],
    ...Object.entries(parameters.byPart).map(([part, { trained, all }]): [string, string] => [
      `  ${part}`,
      `${number(trained)} of ${number(all)}`,
    ]),
    ["memory", `${bytes(memory.total)} without activations`],
    ...(["weights", "gradients", "optimizer", "masters"] as const).map((part): [string, string] => [
      `  ${part}`,
      bytes(memory[part]),
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}
