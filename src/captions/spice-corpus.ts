/** SPICE of a corpus: by this project's parser, or by the official Java program where its jar is given. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import type { CaptionCorpus } from "./corpus.js";
import { loadTagger, PARSER, sceneGraph, type Tagger } from "./scene-graph.js";
import { meanSpice, spice, type SceneGraph } from "./spice.js";
import { wordnetSynonyms } from "./wordnet.js";
import { atomicWriteFile } from "../files/index.js";

/** How reports name scores of the official program. */
export const OFFICIAL = "SPICE (official jar)";

export interface SpiceOptions {
  /** Path of `spice-1.0.jar`, with its libraries in `lib/` beside it; needs a Java runtime. */
  readonly jar?: string | undefined;
  /** The Java program; default "java". */
  readonly java?: string;
  readonly signal?: AbortSignal;
}

export interface CorpusSpice {
  /** What produced the scene graphs: {@link PARSER} or {@link OFFICIAL}. Figures of different parsers are not comparable. */
  readonly parser: string;
  /** Mean F-score, in [0, 1]; null without items, or where the official program gives none for one. */
  readonly value: number | null;
  /** In the order of the hypotheses. */
  readonly items: readonly { readonly id: string; readonly f: number | null }[];
}

type Texts = Pick<CaptionCorpus, "hypotheses" | "references">;

/** @throws RocError FILE_UNREADABLE or DATA_INVALID where the official program fails; ABORTED while it runs */
export async function spiceOfCorpus(corpus: Texts, options: SpiceOptions = {}): Promise<CorpusSpice> {
  return options.jar === undefined ? ownSpice(corpus) : officialSpice(corpus, options.jar, options);
}

async function ownSpice({ hypotheses, references }: Texts): Promise<CorpusSpice> {
  const [tagger, synonyms] = await Promise.all([loadTagger(), wordnetSynonyms()]);
  const scores = Object.entries(hypotheses).map(([id, text]) => {
    const union = graphOf(references[id] ?? [], tagger);
    return { id, ...spice(graphOf([text], tagger), union, synonyms) };
  });
  return { parser: PARSER, value: meanSpice(scores), items: scores.map(({ id, f }) => ({ id, f })) };
}

/** The union of the graphs of several texts. */
function graphOf(texts: readonly string[], tagger: Tagger): SceneGraph {
  const graphs = texts.map((text) => sceneGraph(tagger(text)));
  return {
    objects: graphs.flatMap(({ objects }) => objects),
    attributes: graphs.flatMap(({ attributes }) => attributes),
    relations: graphs.flatMap(({ relations }) => relations),
  };
}

const results = z.array(
  z.object({
    image_id: z.string(),
    scores: z.object({ All: z.object({ f: z.number().nullable() }) }),
  }),
);

async function officialSpice(
  { hypotheses, references }: Texts,
  jar: string,
  options: SpiceOptions,
): Promise<CorpusSpice> {
  const { java = "java", signal } = options;
  const folder = await mkdtemp(join(tmpdir(), "spice-"));
  try {
    const [input, output] = [join(folder, "in.json"), join(folder, "out.json")];
    const items = Object.entries(hypotheses).map(([id, test]) => ({ image_id: id, test, refs: references[id] ?? [] }));
    await atomicWriteFile(input, JSON.stringify(items));
    const args = ["-Xmx8G", "-jar", jar, input, "-out", output, "-subset", "-silent"];
    await promisify(execFile)(java, args, { ...(signal && { signal }), maxBuffer: 2 ** 26 }).catch((cause: unknown) => {
      if (signal?.aborted) throw new RocError("ABORTED", "SPICE was stopped.", { cause });
      throw new RocError("FILE_UNREADABLE", `${jar} did not run (${java}): ${lastLine(messageOf(cause))}`, { cause });
    });
    return read(await readFile(output, "utf8").catch(() => ""), Object.keys(hypotheses), jar);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The program writes NaN, which is not JSON, for undefined values. */
function read(text: string, ids: readonly string[], jar: string): CorpusSpice {
  let parsed: z.infer<typeof results>;
  try {
    parsed = results.parse(JSON.parse(text.replace(/:\s*NaN\b/g, ": null")));
  } catch (cause) {
    throw new RocError("DATA_INVALID", `${jar} wrote no result of SPICE's form; is it spice-1.0.jar?`, { cause });
  }
  const scores = new Map(parsed.map(({ image_id, scores: { All } }) => [image_id, All.f]));
  const items = ids.map((id) => ({ id, f: scores.get(id) ?? null }));
  const values = items.flatMap(({ f }) => f ?? []);
  const whole = values.length === items.length && items.length > 0;
  return { parser: OFFICIAL, value: whole ? values.reduce((sum, f) => sum + f, 0) / values.length : null, items };
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? text;
}
