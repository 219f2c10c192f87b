/** The tables of docs/data.md and docs/config.md, made of the schemas that the program checks files with. */
import { z } from "zod";
import { cardSchema } from "../../src/data/card.js";
import { OFFICIAL } from "../../src/data/official.js";
import { COLUMNS } from "../../src/data/own-records.js";
import { experimentSchema } from "../../src/studies/claims/config.js";
import { templatesSchema } from "../../src/roc/template.js";
import { LOSS_PRESETS } from "../../src/roc/weights.js";
import { runSchema } from "../../src/train/start/config.js";
import { checkpointTable } from "./checkpoints.js";
import { familiesTable, laptopTable } from "./laptop.js";
import { markdown } from "./markdown-table.js";
import { scaleTable } from "./scale.js";

type Json = z.core.JSONSchema.BaseSchema;

/** One key of a file. */
export interface Key {
  readonly path: string;
  readonly type: string;
  /** What holds without it. */
  readonly absent: string;
  readonly meaning: string;
}

/** Every key of a schema, those inside of others behind them. */
export function keysOf(schema: z.ZodType): Key[] {
  return keysIn(z.toJSONSchema(schema, { io: "input" }), "");
}

function keysIn(schema: Json, above: string): Key[] {
  const needed = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]): Key[] => {
    if (typeof part === "boolean") return [];
    const path = above === "" ? name : `${above}.${name}`;
    const absent = needed.has(name)
      ? "needed"
      : part.default === undefined
        ? ""
        : `\`${JSON.stringify(part.default)}\``;
    return [{ path, type: typeOf(part), absent, meaning: part.description ?? "" }, ...keysBelow(part, path)];
  });
}

/** Keys of an object, of each of several named alike, of each in a list, of one that may be something else. */
function keysBelow(part: Json, path: string): Key[] {
  const { additionalProperties: named, items } = part;
  if (part.properties) return keysIn(part, path);
  if (typeof named === "object") return keysIn(named, `${path}.NAME`);
  if (typeof items === "object" && !Array.isArray(items)) return keysIn(items, `${path}[]`);
  return (part.anyOf ?? []).flatMap((one) => (typeof one === "object" ? keysBelow(one, path) : []));
}

function typeOf(part: Json): string {
  if (part.enum) return part.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (part.anyOf) return part.anyOf.map((one) => (typeof one === "object" ? typeOf(one) : "")).join("; or ");
  const { type, items, prefixItems, additionalProperties: named } = part;
  if (prefixItems) return `list of ${prefixItems.length} ${plural(prefixItems[0] ?? true)}`;
  if (type === "array") return `list of ${plural(Array.isArray(items) ? true : (items ?? true))}`;
  if (type === "object") return typeof named === "object" ? "objects by name" : "object";
  if (type === "number" || type === "integer")
    return `${type === "integer" ? "whole number" : "number"}${rangeOf(part)}`;
  return type === "string" ? "text" : type === "boolean" ? "true or false" : String(type);
}

function plural(part: Json | boolean): string {
  if (typeof part === "boolean") return "values";
  const type = typeOf(part);
  if (part.enum) return type;
  return type.replace(/^(text|number|whole number|object)/, "$1s");
}

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Json): string {
  const least = minimum === undefined || minimum < -1e9 ? "" : ` from ${minimum}`;
  const above = exclusiveMinimum === undefined ? "" : ` above ${exclusiveMinimum}`;
  const most = maximum === undefined || maximum > 1e9 ? "" : ` to ${maximum}`;
  return `${least}${above}${most}${exclusiveMaximum === undefined ? "" : ` below ${exclusiveMaximum}`}`;
}

function keyTable(schema: z.ZodType): string {
  const rows = keysOf(schema).map(({ path, type, absent, meaning }) => [`\`${path}\``, type, absent, meaning]);
  return markdown(["key", "type", "without it", "meaning"], rows);
}

function columnTable(): string {
  const rows = Object.entries(COLUMNS).map(([name, [type, absent, meaning]]) => [`\`${name}\``, type, absent, meaning]);
  return markdown(["column", "type", "without it", "meaning"], rows);
}

function officialTable(): string {
  const number = (value: number): string => value.toLocaleString("en-US");
  const rows = Object.entries(OFFICIAL).map(([kind, { name, pictures, files }]) => [
    ...[`\`${kind}\``, name, number(pictures.train), number(pictures.validation), number(pictures.test), files],
  ]);
  return markdown(["kind", "data set", "train", "validation", "test", "files"], rows);
}

function presetTable(): string {
  const rows = Object.entries(LOSS_PRESETS).map(([name, { l1, ce, emd }]) => [
    `\`${name}\``,
    ...[l1, ce, emd].map(String),
  ]);
  return markdown(["preset", "l1", "ce", "emd"], rows);
}

/** The tables by the names that the pages call them. */
export const TABLES: Readonly<Record<string, () => string>> = {
  columns: columnTable,
  scale: scaleTable,
  laptop: laptopTable,
  families: familiesTable,
  checkpoints: checkpointTable,
  card: () => keyTable(cardSchema),
  templates: () => keyTable(templatesSchema),
  official: officialTable,
  run: () => keyTable(runSchema),
  presets: presetTable,
  experiment: () => keyTable(experimentSchema),
};

/** The pages that have tables. */
export const TABLE_PAGES = ["data", "config", "speed", "which-checkpoint"]
  .map((name) => `docs/${name}.md`)
  .concat("README.md");

const PLACE = /(<!-- table: (\w+) -->\n)[^]*?(\n<!-- end -->)/g;

/** A page with its tables made anew; what it says between them stays. */
export function withTables(page: string): string {
  return page.replace(PLACE, (_, start: string, name: string, end: string) => {
    const table = TABLES[name];
    if (!table) throw new Error(`there is no table ${name}`);
    return `${start}\n${table()}\n${end}`;
  });
}

/** The names of the tables on a page. */
export function tablesOn(page: string): string[] {
  return [...page.matchAll(PLACE)].map(([, , name = ""]) => name);
}
