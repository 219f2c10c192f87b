/** Seconds and memory of a picture by published size, from bench:laptop. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LaptopBench, LaptopRow } from "../../bench/laptop.js";
import { ROOT } from "../support.js";
import { markdown } from "./markdown-table.js";

const FILE = join(ROOT, "bench/results/laptop.json");

function figure(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}

/** By its name; InternVL is measured as its scorers take a picture. */
function called({ model, family }: LaptopRow): string {
  return family === "internvl" ? `${model}, one tile` : model;
}

function measured(): LaptopBench | undefined {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as LaptopBench) : undefined;
}

const NOT_YET = "Not measured yet: `npm run bench:laptop -- --out bench/results/laptop.json`.";

export function laptopTable(): string {
  const bench = measured();
  if (!bench) return NOT_YET;
  const { rows, cpu, threads, picture } = bench;
  const names = [...new Set(rows.map(({ model }) => model))];
  const cells = names.map((name) => {
    const own = rows.filter(({ model }) => model === name);
    const each = (["bfloat16", "float32"] as const).flatMap((dtype) => {
      const row = own.find((one) => one.dtype === dtype);
      return row ? [figure(row.seconds), (row.peakBytes / 1e9).toFixed(1)] : ["-", "-"];
    });
    const [first] = own;
    return [
      first ? called(first) : name,
      `${((first?.parameters ?? 0) / 1e9).toFixed(2)} billion`,
      ...each,
      first?.how ?? "",
    ];
  });
  const head = ["checkpoint", "parameters", "bfloat16: s", "GB", "float32: s", "GB", "known"];
  const where = `A picture of ${picture.width} x ${picture.height} pixels, ${threads} cores, ${cpu ?? "CPU"}:`;
  return `${where}\n\n${markdown(head, cells)}`;
}

/** A row per family: its smallest and its largest published size, in bfloat16. */
export function familiesTable(): string {
  const bench = measured();
  if (!bench) return NOT_YET;
  const rows = bench.rows.filter(({ dtype }) => dtype === "bfloat16");
  const cells = [...new Set(rows.map(({ family }) => family))].map((name) => {
    const own = rows.filter(({ family }) => family === name);
    const [first, ...rest] = own.toSorted((a, b) => a.parameters - b.parameters);
    if (!first) return [];
    const of = (row: LaptopRow): string =>
      `${called(row)}: ${row.how === "computed" ? "about " : ""}${figure(row.seconds)} s, ${figure(row.peakBytes / 1e9)} GB`;
    return [of(first), rest.length > 0 ? of(rest.at(-1) as LaptopRow) : ""];
  });
  return markdown(["smallest: seconds a picture, memory", "largest"], cells);
}
