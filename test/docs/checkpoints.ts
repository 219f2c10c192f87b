/** The table of published scorers, from the list that `roc4mllm use` says them by. */
import { KNOWN_CHECKPOINTS, type KnownCheckpoint } from "../../src/roc/published/checkpoints.js";
import { markdown } from "./markdown-table.js";

function avaText({ ava }: KnownCheckpoint): string {
  if (ava === undefined) return "unknown";
  if (typeof ava === "string") return ava;
  const [srcc, plcc] = [ava.srcc, ava.plcc].map((figure) => figure.toFixed(3).replace(/^0/, ""));
  return `${srcc} / ${plcc} (${ava.source})`;
}

export function checkpointTable(): string {
  const rows = KNOWN_CHECKPOINTS.map((one) => [
    one.title.replaceAll("_", "\\_"),
    `${one.backbone} (\`${one.modelType}\`)`,
    `${one.parameters.toFixed(2)} B`,
    one.licence,
    avaText(one),
  ]);
  const head = ["checkpoint", "backbone (`model_type`)", "parameters", "licence of the weights", "AVA: SRCC / PLCC"];
  return markdown(head, rows);
}
