/** The results as a page of Markdown. */
import { decimals } from "../../html/index.js";
import { usesScoreTokens } from "../../roc/index.js";
import { signed, type Claim, type Finding } from "./claims.js";
import type { PooledFigure } from "./pooled-figures.js";
import type { BaseRecord } from "./pretrain.js";
import type { ArmResult, ExperimentResults } from "./results.js";

/** Answers, figures, comparisons, and how they were made. */
export function markdown(results: ExperimentResults): string {
  const { description, claims, arms, missing, pictures, provenance } = results;
  const { config, environment, bootstrap, bases } = provenance;
  const { studio, train, pretrain, seeds } = config;
  const baseTexts = Object.entries(bases).map(([name, { steps, loss }]) => `${name}: ${steps} steps, loss ${decimals(loss)}`); // prettier-ignore
  const { factors, pictures: own } = pretrain;
  const seeing = factors
    ? `, after its vision tower and projector had learnt the pictures' factors for ${factors.steps} steps of ${factors.batchSize} at ${factors.learningRate}`
    : "";
  const ownTexts = own ? `, on ${own} pictures of their own (studio seed ${pretrain.seed})` : "";
  return [
    "# The paper's claims, on the studio",
    description,
    "## Answers",
    ...claims.map((claim) => `**${claim.question}** ${claim.text}`),
    "Every word is computed: a side is higher or lower where the whole 95% interval of the difference is on one side of 0.",
    ...(missing.length > 0
      ? [`${missing.length} runs are not finished, so not in here (claims.json names them).`]
      : []),
    ...seenTexts(bases),
    "## Figures",
    `Of the held-out part (${pictures.test} pictures${pictures.sets ? ` in ${pictures.sets} sets` : ""}, rated 1 to 10); means over the runs (seeds ${seeds.join(", ")}), with 95% intervals.`,
    "![SRCC by strategy](strategies.svg)",
    ...(arms.some(({ attributes }) => attributes) ? ["![SRCC of the attributes by strategy](attributes.svg)"] : []),
    armTable(arms, pictures.sets !== undefined),
    "## Comparisons",
    "![Differences of SRCC](differences.svg)",
    ...claims.map((claim) => `### ${claim.question}\n\n${findingTable(claim)}`),
    ...(config.ablation ? ["## Number of score tokens", "![SRCC by number of score tokens](score-tokens.svg)"] : []),
    "## How",
    `Each backbone was pre-trained once only on comments (${baseTexts.join("; ")}; batches of ${pretrain.batchSize})${seeing}${ownTexts}, then fine-tuned ` +
      `from those weights by every strategy for ${train.steps} steps of ${train.batchSize} pictures at a learning rate of ${train.learningRate}, ` +
      `with the same order of the ${pictures.train} pictures for the same seed and the loss weights "${config.loss}". The last state counts. ` +
      `Pictures: studio seed ${studio.seed}, ${studio.longEdge} px.`,
    `Intervals: ${bootstrap.resamples} resamples of ${bootstrap.over}. Pictures whose answer could not be understood are left out of ` +
      "both sides of a comparison; a run that says the same of every picture has a correlation of 0. CIDEr-D is that of the comments, against the picture's own.",
    `Trained by git revision ${provenance.trainedBy.join(" and ")}, figures by ${environment.revision ?? "unknown"}; torch ${environment.torch}, node ${environment.node}, on ${environment.cpu} ` +
      `(${config.workers} processes with ${config.threads} thread each), in ${Math.round(provenance.seconds / 60)} minutes; ${provenance.date}.`,
  ]
    .filter((text) => text !== "")
    .join("\n\n")
    .concat("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (runs: readonly string[]): string => `| ${runs.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** What a linear probe reads off the base models, where they were probed. */
function seenTexts(bases: Readonly<Record<string, BaseRecord>>): string[] {
  const probed = Object.entries(bases).flatMap(([name, { attributes }]) => (attributes ? [{ name, attributes }] : []));
  const [first] = probed;
  if (!first) return [];
  const names = Object.keys(first.attributes);
  const rows = names.map((name) => [name, ...probed.map(({ attributes }) => decimals(attributes[name] ?? NaN))]);
  return [
    "## What the base models see",
    "SRCC on the held-out part of what a ridge regression reads off the mean of a picture's projected rows, before any score is learnt.",
    table(["attribute", ...probed.map(({ name }) => name)], rows),
  ];
}

function armTable(arms: readonly ArmResult[], ofSets: boolean): string {
  const head = ["backbone", "condition", "strategy", "N", "SRCC", "PLCC", "MAE", "attributes' SRCC", "CIDEr-D", ...(ofSets ? ["best of a set", "pairs of a set"] : []), "not understood"]; // prettier-ignore
  return table(
    head,
    arms.map(({ backbone, condition, strategy, scoreTokens, figures, attributes, failed }) => [
      ...[backbone, condition, strategy],
      usesScoreTokens(strategy) ? String(scoreTokens) : "",
      ...[figures.srcc, figures.plcc, figures.mae, attributes?.srcc ?? null, figures.ciderD].map(figureText),
      ...(ofSets ? [figures.best, figures.pairs].map(figureText) : []),
      failed.join(", "),
    ]),
  );
}

function figureText(figure: PooledFigure | null): string {
  return figure ? `${decimals(figure.value)} (${decimals(figure.low)} to ${decimals(figure.high)})` : "";
}

function findingTable({ findings }: Claim): string {
  const main = findings.some(({ by }) => by === "best") ? "SRCC, or share of sets, a − b" : "SRCC a − b";
  const head = ["a", "b", "scores", "backbone", main, "p", "PLCC a − b", "MAE a − b", "CIDEr-D a − b", "a is"];
  return findings.length === 0 ? "No finished runs to compare." : table(head, findings.map(findingRow));
}

function findingRow({ a, b, scores, backbone, by, differences, verdict }: Finding): string[] {
  const { plcc, mae, ciderD } = differences;
  const main = differences[by];
  const text = (figure: PooledFigure | null): string =>
    figure ? `${signed(figure.value)} (${signed(figure.low)} to ${signed(figure.high)})` : "";
  const p = main ? main.p.toPrecision(2) : "";
  // Beside the share of sets stands no other figure: those of the scores are in the row before.
  const others = by === "srcc" ? [plcc, mae, ciderD] : [null, null, null];
  return [a, b, by === "best" ? "best of a set" : scores, backbone, text(main), p, ...others.map(text), verdict];
}
