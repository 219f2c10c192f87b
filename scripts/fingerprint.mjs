/** Stamps: a step is up to date when the stamp beside its result holds the hash of all its inputs. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/**
 * The files under `folder` whose names end in one of `endings`, sorted; none where there is no such folder.
 *
 * @param {string} folder
 * @param {string[]} endings
 * @returns {string[]}
 */
export function filesUnder(folder, endings) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesUnder(path, endings);
      return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
    });
}

/**
 * SHA-256 over names and contents of `files` and over `facts`. A missing file counts as empty.
 *
 * @param {string[]} files
 * @param {unknown[]} [facts]
 * @param {string} [from] names are relative to this folder; default: names as given
 */
export function fingerprint(files, facts = [], from = undefined) {
  const hash = createHash("sha256").update(JSON.stringify(facts));
  const nameOf = (file) => (from === undefined ? file : relative(from, file));
  for (const file of files) hash.update(`\0${nameOf(file)}\0`).update(readOrUndefined(file) ?? "");
  return hash.digest("hex");
}

/** The contents of a file, or undefined where there is none. */
export function readOrUndefined(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** A JSON file's value; undefined where it is missing or invalid. */
export function readJson(file) {
  try {
    return JSON.parse(readOrUndefined(file)?.toString("utf8") ?? "");
  } catch {
    return undefined;
  }
}

/** Creates folders one by one: Node's own recursion never ends below /proc. */
export function makeFolders(folder) {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
}

/** Writes a small file atomically. */
export function writeAtomically(file, text) {
  makeFolders(dirname(file));
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, text);
  renameSync(partial, file);
}
