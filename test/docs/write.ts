/** `npm run docs`: writes the tables of docs/ anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support.js";
import { TABLE_PAGES, withTables } from "./tables.js";

for (const page of TABLE_PAGES) {
  const file = join(ROOT, page);
  writeFileSync(file, withTables(readFileSync(file, "utf8")));
}
