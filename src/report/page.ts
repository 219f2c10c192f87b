/** The report of an evaluation: one page that holds everything, needs no network and runs no script. */
import { basename } from "node:path";
import { mean } from "d3-array";
import { discreteRange, voteCoverageOf } from "../metrics/calibration.js";
import { normalised } from "../metrics/distributions.js";
import { coverageFigures, METRIC_NAMES, ratingsOf, type Figures, type Prediction } from "../eval/index.js";
import type { RunSummary } from "../eval/index.js";
import { distributionChart, ratingsChart, residualChart, scatterChart, type Pair } from "./agreement-charts.js";
import { decimals, html, page, short, table, type Markup, type Section } from "../html/index.js";
import { calibrationChart, radarChart, trainingChart } from "./other-charts.js";
import { explainedErrors, type ExplainedErrors } from "./heat/errors.js";
import { rankedExamples, scoredOf } from "./pictures.js";
import type { RunFolder } from "./run-folder.js";

/** Of the calibration. */
const LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
/** Corners that a radar needs. */
const RADAR_FROM = 3;
const MOST_FAILURES = 50;

export interface PageOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default: none. */
  readonly explained?: ExplainedErrors | undefined;
}

/**
 * The page as text.
 *
 * @throws RocError ABORTED on the signal; USAGE as `writeReport()`
 */
export async function reportPage(run: RunFolder, { signal, explained }: PageOptions = {}): Promise<string> {
  const { summary } = run;
  const { kind, system, data } = summary.provenance;
  const title = `${kind === "predictions" ? basename(system) : system} on ${data}`;
  const sections = [
    ...agreementSections(run),
    ...attributeSection(summary),
    ...calibrationSection(run),
    ...(await picturesSection(run, signal)),
    ...setsSection(summary),
    ...(explained ? [await explainedErrors(run, explained, signal)] : []),
    ...partsSection(summary),
    ...captionsSection(summary),
    ...trainingSection(run),
    provenanceSection(run),
  ];
  const header = html`<p class="quiet">
      ${summary.scored} of ${summary.count} pictures of the ${partOf(summary)}, scores from ${short(summary.scale.min)}
      to ${short(summary.scale.max)}. Brackets are 95% bootstrap intervals.
    </p>
    ${tiles(summary)}${failures(run)}`;
  const footer = `Written by roc4mllm ${summary.provenance.version}.`;
  return page({ title, header, sections, contents: true, footer });
}

function partOf({ provenance: { split, limit } }: RunSummary): string {
  const part = split === "all" ? "whole data set" : `${split} part`;
  return limit === undefined ? part : `first ${limit} of the ${part}`;
}

function tiles({ overall, accuracy, plccAfterLogisticFit, distributions }: RunSummary): Markup {
  const metrics = METRIC_NAMES.map((name) => {
    const interval = overall[name];
    const range = interval ? `${decimals(interval.low)}, ${decimals(interval.high)}` : "not defined";
    return html`<div>
      <dt>${name.toUpperCase()}</dt>
      <dd>${decimals(interval?.value)}</dd>
      <dd>[${range}]</dd>
    </div>`;
  });
  return html`<dl class="tiles">
    ${metrics}
    <div>
      <dt>Accuracy</dt>
      <dd>${decimals(accuracy.value)}</dd>
      <dd>at ${short(accuracy.threshold)}</dd>
    </div>
    <div>
      <dt>PLCC, fitted</dt>
      <dd>${decimals(plccAfterLogisticFit)}</dd>
      <dd>after a logistic fit</dd>
    </div>
    ${
      distributions.count > 0 &&
      html`<div>
        <dt>EMD</dt>
        <dd>${decimals(distributions.emd)}</dd>
        <dd>KL ${decimals(distributions.kl)}</dd>
      </div>`
    }
  </dl>`;
}

function failures({ summary, predictions }: RunFolder): Markup | false {
  const failed = predictions.filter(({ error, predicted }) => error !== undefined || predicted["score"] === null);
  if (summary.scored === summary.count) return false;
  const codes = Object.entries(summary.failures).map(([code, count]) => `${count} ${code}`);
  const listed = failed
    .slice(0, MOST_FAILURES)
    .map(({ id, error }) => html`<li>${id}: ${error?.message ?? "no score"}</li>`);
  const more = failed.length - listed.length;
  return html`<div class="alert">
    <p>
      <b>Without a score: ${summary.count - summary.scored} of ${summary.count} pictures</b>, left out of the figures:
      ${codes.join(", ")}.
    </p>
    <details>
      <summary>Which ones</summary>
      <ul>
        ${listed}${more > 0 && html`<li>and ${more} more; see the predictions file</li>`}
      </ul>
    </details>
  </div>`;
}

function agreementSections({ summary, predictions }: RunFolder): Section[] {
  const pairs = scoredOf(predictions).map(({ truth, predicted }): Pair => [truth, predicted]);
  if (pairs.length === 0) return [];
  const means = meanRatings(predictions);
  const { scale } = summary;
  const ratings = means && ratingsChart(means.voted, means.predicted, scale);
  const charts = [scatterChart(pairs, scale), residualChart(pairs, scale), distributionChart(pairs, scale), ratings];
  return [{ id: "agreement", title: "Agreement", body: html`<div class="charts">${charts}</div>` }];
}

/** Predictions with votes and a distribution over as many ratings. */
function withVotes(
  predictions: readonly Prediction[],
): { distribution: readonly number[]; votes: readonly number[] }[] {
  return predictions.flatMap(({ distribution, votes }) =>
    distribution && votes && distribution.length === votes.length ? [{ distribution, votes }] : [],
  );
}

function meanRatings(predictions: readonly Prediction[]): { voted: number[]; predicted: number[] } | undefined {
  const both = withVotes(predictions);
  const [first] = both;
  if (!first || both.some(({ votes }) => votes.length !== first.votes.length)) return undefined;
  const meanOf = (rows: readonly (readonly number[])[]): number[] => {
    const shares = rows.map((row) => normalised(row, "the ratings"));
    return first.votes.map((_, k) => mean(shares, (row) => row[k]) ?? 0);
  };
  return { voted: meanOf(both.map(({ votes }) => votes)), predicted: meanOf(both.map(({ distribution }) => distribution)) }; // prettier-ignore
}

function attributeSection({ overall, attributes }: RunSummary): Section[] {
  const names = Object.keys(attributes);
  if (names.length === 0) return [];
  const columns = (figures: Figures) => METRIC_NAMES.map((name) => intervalText(figures, name));
  const rows = [
    ["score", ...columns(overall), ""],
    ...Object.entries(attributes).map(([name, figures]) => [name, ...columns(figures), figures.count]),
  ];
  const head = ["", ...METRIC_NAMES.map((name) => name.toUpperCase()), "pictures"];
  const figures = html`<div class="card">${table({ label: "Figures by attribute", head, rows })}</div>`;
  const radar = names.length >= RADAR_FROM && radarChart(attributes);
  return [
    {
      id: "attributes",
      title: "Attributes",
      body: radar ? html`<div class="beside">${radar}${figures}</div>` : figures,
    },
  ];
}

function intervalText(figures: Figures, name: (typeof METRIC_NAMES)[number]): Markup {
  const interval = figures[name];
  if (!interval) return html`–`;
  return html`${decimals(interval.value)}
    <span class="quiet">[${decimals(interval.low)}, ${decimals(interval.high)}]</span>`;
}

function calibrationSection({ summary: { scale }, predictions }: RunFolder): Section[] {
  const scored = scoredOf(predictions).map(({ prediction }) => prediction);
  const means = coverageFigures(scored, scale, LEVELS);
  if (means.length === 0) return [];
  const both = withVotes(scored);
  const count = both[0]?.votes.length;
  const same = count !== undefined && both.every(({ votes }) => votes.length === count);
  const values = ratingsOf(count ?? 0, scale);
  const rangeOf = (item: number, level: number) => discreteRange(values, both[item]?.distribution ?? [], level);
  const votes = same ? voteCoverageOf(rangeOf, values, both.map((one) => one.votes), LEVELS) : []; // prettier-ignore
  const body = html`<div class="charts">${calibrationChart(means, votes)}</div>`;
  return [{ id: "spread", title: "Predicted spread", body }];
}

async function picturesSection({ predictions }: RunFolder, signal?: AbortSignal): Promise<Section[]> {
  const scored = scoredOf(predictions);
  if (scored.length === 0) return [];
  return [{ id: "pictures", title: "Pictures", body: await rankedExamples(scored, signal) }];
}

function partsSection({ byTheme, byTrueScore }: RunSummary): Section[] {
  const tableOf = (label: string, first: string, parts: RunSummary["byTheme"]): Markup | false =>
    parts.length > 0 &&
    html`<div class="card"><h3>${label}</h3>${table({
      label,
      head: [first, "pictures", "SRCC", "PLCC", "MAE"],
      rows: parts.map(({ name, count, figures: { srcc, plcc, mae } }) => [name, count, ...[srcc, plcc, mae].map((value) => decimals(value))]),
    })}</div>`; // prettier-ignore
  const body = html`<div class="charts">
    ${tableOf("By true score", "fifth", byTrueScore)}${tableOf("By theme", "theme", byTheme)}
  </div>`;
  return byTheme.length + byTrueScore.length > 0 ? [{ id: "parts", title: "Parts", body }] : [];
}

function setsSection({ sets }: RunSummary): Section[] {
  if (!sets) return [];
  const { pairs, best, worst } = sets;
  const rows = [
    ["order of a pair", pairs],
    ["best of a set", best],
    ["worst of a set", worst],
  ] as const;
  const figures = table({
    label: "Sets",
    head: ["", "right", "95% interval", "by chance", "of"],
    rows: rows.map(([name, { interval, chance, count }]) => [
      name,
      decimals(interval?.value),
      interval ? `${decimals(interval.low)}, ${decimals(interval.high)}` : "–",
      decimals(chance),
      count,
    ]),
  });
  const ties = pairs.ties > 0 && html` ${pairs.ties} pairs of equal ratings are left out.`;
  const text = html`<p class="quiet">
    ${sets.sets} sets of ${sets.pictures} pictures, by their scores. Intervals are over sets.${ties}
  </p>`;
  return [{ id: "sets", title: "Sets", body: html`<div class="card">${figures}${text}</div>` }];
}

function captionsSection({ captions }: RunSummary): Section[] {
  if (!captions) return [];
  const { count, cider, ciderD, spice } = captions;
  const rows = [
    ["CIDEr", decimals(cider)],
    ["CIDEr-D", decimals(ciderD)],
    [spice.parser, decimals(spice.value)],
  ];
  const figures = table({ label: "Comments", head: ["", `${count} comments`], rows });
  return [{ id: "comments", title: "Comments", body: html`<div class="card">${figures}</div>` }];
}

function trainingSection({ curves }: RunFolder): Section[] {
  if (curves.length === 0) return [];
  return [{ id: "training", title: "Training", body: html`<div class="charts">${curves.map(trainingChart)}</div>` }];
}

function provenanceSection({ summary: { provenance } }: RunFolder): Section {
  const { kind, system, method, onnx, data, folder, split, limit, labels, missingImages, unmatchedRows, columns } =
    provenance;
  const { seed, resamples, version, revision, torch, node, date } = provenance;
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ["system", `${system} (${kind})`],
    ["strategy", method && `${method.strategy} (${method.family})`],
    ["scorer", method?.scorer && `${method.scorer.name}, ${method.scorer.aspect} (${method.scorer.source})`],
    ["prompt", method?.prompt],
    ["answer", method?.answer],
    ["ONNX", onnx && JSON.stringify(onnx)],
    ["data", `${data}, ${split}${limit === undefined ? "" : `, first ${limit}`}, from ${folder}`],
    ["labels", `${labels} (digest of ids and ratings)`],
    ["without image", missingImages],
    ["rows unmatched", unmatchedRows],
    ["columns read", columns && `${columns.id}, ${columns.score}`],
    ["intervals", `percentile bootstrap, ${resamples} resamples, seed ${seed}`],
    ["made by", `roc4mllm ${version}${revision === null ? "" : ` (${revision})`}`],
    ["libraries", `${torch === undefined ? "" : `libtorch ${torch}, `}Node ${node}`],
    ["date", date],
  ];
  const known = facts.filter(([, value]) => value !== undefined);
  const list = known.map(
    ([name, value]) =>
      html`<dt>${name}</dt>
        <dd>${value}</dd>`,
  );
  return { id: "provenance", title: "Where it comes from", body: html`<dl class="card facts">${list}</dl>` };
}
