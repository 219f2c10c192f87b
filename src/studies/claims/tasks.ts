/** What is computed side by side: base models, then cells. */
import { pretrain, type TaskOptions } from "./pretrain.js";
import type { Cell } from "./runs.js";
import { runCell } from "./fine-tune.js";
import type { ExperimentConfig } from "./config.js";
import type { ExperimentData } from "./pictures.js";

export type Task =
  | { readonly kind: "base"; readonly name: string; readonly backbone: string }
  | { readonly kind: "cell"; readonly name: string; readonly cell: Cell };

export function baseTask(backbone: string): Task {
  return { kind: "base", name: `${backbone}/base`, backbone };
}

export function cellTask(cell: Cell): Task {
  return { kind: "cell", name: cell.name, cell };
}

/** Does a task in this process. */
export async function runTask(
  config: ExperimentConfig,
  task: Task,
  data: ExperimentData,
  options: TaskOptions,
): Promise<void> {
  if (task.kind === "base") await pretrain(config, task.backbone, data, options);
  else await runCell(config, task.cell, data, options);
}
