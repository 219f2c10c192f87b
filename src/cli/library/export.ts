/** `roc4mllm library export`: the library as a file for other programs. */
import { Command } from "commander";
import { extname } from "node:path";
import { RocError } from "../../errors.js";
import { checkOutput, writeOutput, type OutputKind } from "../../files/index.js";
import { readableName } from "../../image/index.js";
import { Catalog, type Judge, type Photo } from "../../library/catalog.js";
import { plainPhoto } from "../../library/plain-photo.js";
import { csvText, inert, SCORE_TABLE } from "../shared/csv.js";
import type { Context } from "../shared/io.js";
import {
  addQueryOptions,
  chosenJudge,
  judgeLine,
  libraryFile,
  photosOf,
  WHERE_HELP,
  type QueryFlags,
} from "./options.js";

interface ExportFlags extends QueryFlags {
  readonly csv?: true;
}

const HELP = `
CSV has a row per photo and a column per attribute; JSON is one array, a photo per line, with everything that the library knows
of each but its vector. An earlier export is replaced; any other file that is there is refused.
${WHERE_HELP}

Examples:
  roc4mllm library export photos.csv
  roc4mllm library export --json - --where "percentile >= 90" | jq -r ".[].file"`;

/** The command. */
export function exportCommand(context: Context): Command {
  const command = new Command("export")
    .description("write the library as CSV or JSON")
    .argument("<file>", "file to write, as .csv or .json says; - for standard output")
    .option("--csv", "CSV, whatever the file is called")
    .option("--json", "JSON, whatever the file is called");
  return addQueryOptions(command)
    .addHelpText("after", HELP)
    .action((file: string, flags: ExportFlags) => exportTo(file, flags, context));
}

interface Format {
  readonly kind: OutputKind;
  readonly text: (photos: readonly Photo[], judge: Judge | undefined, attributes: readonly string[]) => string;
}

const CSV: Format = { kind: SCORE_TABLE, text: tableText };
const JSON_ARRAY: Format = {
  kind: {
    name: "export that roc4mllm wrote",
    isOurs: (start) => start === "[\n\n]\n" || /^\[\n\{"id":\d+,"file":"/.test(start),
  },
  text: jsonText,
};

async function exportTo(file: string, flags: ExportFlags, context: Context): Promise<void> {
  const { kind, text } = formatOf(file, flags);
  const isFile = file !== "-";
  if (isFile) await checkOutput(file, kind);
  using catalog = await Catalog.open(libraryFile(flags, context));
  const judge = chosenJudge(catalog, flags);
  const photos = await photosOf(catalog, flags, judge, context);
  const content = text(photos, judge, catalog.attributes(judge));
  if (isFile) await writeOutput(file, kind, content);
  else context.io.stdout.write(content);
  const where = isFile ? ` to ${readableName(file)}` : "";
  context.io.stderr.write(`${photos.length} photos written${where}. ${judgeLine(catalog, judge)}`);
}

/** @throws RocError USAGE where neither flag nor name says which */
function formatOf(file: string, { csv, json }: ExportFlags): Format {
  const extension = extname(file).toLowerCase();
  if (csv && json) throw new RocError("USAGE", "--csv and --json exclude each other. Give one of them.");
  if (csv || (!json && extension === ".csv")) return CSV;
  if (json || extension === ".json") return JSON_ARRAY;
  throw new RocError("USAGE", `${readableName(file)}: neither .csv nor .json. Say --csv or --json.`);
}

function jsonText(photos: readonly Photo[], judge: Judge | undefined): string {
  return `[\n${photos.map((photo) => JSON.stringify(plainPhoto(photo, judge))).join(",\n")}\n]\n`;
}

function cell(value: string | number | null | undefined): string | number {
  return typeof value === "string" ? inert(readableName(value)) : (value ?? "");
}

function tableText(photos: readonly Photo[], judge: Judge | undefined, attributes: readonly string[]): string {
  const ends = photos.some(({ score }) => score?.interval) ? (["low", "high", "level"] as const) : [];
  const facts = ["percentile", "stars", "taken", "camera", "width", "height", "gone", "error"];
  const others = photos.some(({ seenBy }) => seenBy) ? ["seenBy"] : [];
  const rows = photos.map(({ file, score, seenBy, stars, taken, camera, width, height, gone, error }) => [
    ...[
      file,
      score?.score,
      score?.std,
      ...ends.map((end) => score?.interval?.[end]),
      score?.percentile,
      stars,
      taken,
      camera,
      width,
      height,
      gone,
      error?.code,
    ],
    ...attributes.map((name) => score?.attributes?.[name]),
    ...[score?.comment, (score ?? error) && judge?.name],
    ...others.map(() => seenBy?.join("; ")),
  ]);
  const header = ["file", "score", "std", ...ends, ...facts, ...attributes, "comment", "model", ...others];
  return csvText([header, ...rows].map((row) => row.map(cell)));
}
