/** The demo checkpoint's model card. */
import type { RaterCeiling } from "../../studio/index.js";
import type { Agreement } from "../../train/events.js";
import type { RunEnvironment } from "../../train/run/metrics-file.js";
import type { TrainOptions } from "../../train/options.js";
import type { DemoModel } from "./sizes.js";

/** `training.json` in the folder of the demo weights: how they came about and how good they are. */
export interface DemoReport {
  readonly seed: number;
  /** On the test part, with the weights as written. */
  readonly test: Agreement;
  /** What the noise of the studio's raters leaves possible. */
  readonly ceiling: RaterCeiling;
  /** The state that was taken, by its SRCC on the validation part. */
  readonly validation: { readonly step: number; readonly srcc: number | null } | null;
  readonly pictures: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly longEdge: number;
  };
  readonly trainingSeconds: number;
  readonly steps: number;
  readonly dtype: string;
  /** Of the checkpoint, without model card and this report. */
  readonly bytes: number;
  readonly model: DemoModel;
  readonly options: TrainOptions & { readonly lossWeights: unknown };
  readonly environment: Pick<RunEnvironment, "node" | "torch" | "cpu" | "cores" | "threads">;
}

export function modelCard(report: DemoReport): string {
  const { test, ceiling, pictures, seed, steps, trainingSeconds, environment } = report;
  return `---
license: mit
library_name: roc4mllm
pipeline_tag: image-text-to-text
---

# Demo weights of roc4mllm

A very small LLaVA that scores pictures from 1 to 10 by the method of ROC4MLLM (AAAI 2026). It shows that the method and
its code work. It is **no judge of real photographs**: it was trained on synthetic pictures only, whose quality is known
because a program composed them ("the studio"), and rated by simulated raters.

| on ${test.count} held-out studio pictures | SRCC | PLCC | MAE (of 1 to 10) |
| --- | --- | --- | --- |
| these weights | ${figure(test.srcc)} | ${figure(test.plcc)} | ${figure(test.mae)} |
| ceiling set by the raters' noise | ${figure(ceiling.srcc)} | ${figure(ceiling.plcc)} | |

Trained on ${pictures.train} pictures (${pictures.validation} more to choose the best state), seed ${seed}, ${steps} steps in
${Math.round(trainingSeconds / 60)} minutes with ${environment.threads} threads on ${environment.cpu}. All settings and versions are in
\`training.json\`. Made again by

    npm run train:demo -- --seed ${seed}
`;
}

function figure(value: number | null): string {
  return value === null ? "undefined" : value.toFixed(4);
}
