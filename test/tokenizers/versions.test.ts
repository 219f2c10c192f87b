/** Slow tokenizers, as in the version of transformers that a checkpoint names: test/fixtures/sentencepiece/make-versions.py. */
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { loadTokenizer, TextStream, type Tokenizer } from "../../src/tokenizers/index.js";
import { answerIds, endTokenOf } from "../../src/models/common/answer.js";
import { CUE, framed, promptIds } from "../../src/models/mplugowl2/conversation.js";
import { IMAGE_ID } from "../../src/models/types.js";
import { DEFAULT_TEMPLATES, renderAnswer } from "../../src/roc/template.js";
import { fixture } from "../support.js";

const VERSIONS = ["4.30.2", "4.31.0", "4.32.1", "4.33.3", "4.34.0", "4.35.2", "4.36.2"];
const SAVED = ["saved-absent", "saved-false", "saved-null", "saved-true"];
const FOLDERS = [...SAVED, "model-only", "strings", "objects", "no-map"];
FOLDERS.push(...["absent", "false", "null", "true"].map((legacy) => `flags-${legacy}`));

const coded = z.object({
  text: z.string(),
  /** An object where Python fails. */
  ids: z.union([z.array(z.number()), z.object({ error: z.string() })]),
  decoded: z.string().optional(),
});
const read = z.object({ size: z.number(), pad: z.number().nullable(), whole: z.array(z.number()), cases: z.array(coded).min(60) }); // prettier-ignore
const recorded = z.object({ folders: z.record(z.string(), z.union([read, z.object({ error: z.string() })])) });
type Recorded = z.infer<typeof read>;

const versions = (name: string): string => fixture(`sentencepiece/versions/${name}.json`);

async function recordedBy(version: string, folder: string): Promise<Recorded | undefined> {
  const { folders } = recorded.parse(JSON.parse(await readFile(versions(version), "utf8")));
  const found = folders[folder];
  assert.ok(found, folder);
  return "error" in found ? undefined : found;
}

async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "roc-versions-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A folder of the fixtures, with the model whose version it names. */
async function write(folder: string, name: string, version?: string, where = "config.json"): Promise<void> {
  await mkdir(folder, { recursive: true });
  await cp(fixture("sentencepiece/llama/tokenizer.model"), join(folder, "tokenizer.model"));
  const files = JSON.parse(await readFile(versions(name), "utf8")) as Record<string, unknown>;
  for (const [file, value] of Object.entries(files)) await writeFile(join(folder, file), JSON.stringify(value));
  if (version) await writeFile(join(folder, where), JSON.stringify({ transformers_version: version }));
}

function assertIds(tokenizer: Tokenizer, { cases, whole, size, pad }: Recorded, label: string): void {
  assert.deepEqual([tokenizer.size, tokenizer.padTokenId ?? null], [size, pad], label);
  assert.deepEqual(tokenizer.encode("is [SCORE]. "), whole, label);
  for (const { text, ids } of cases) {
    const ours = tokenizer.encode(text, { addSpecialTokens: false });
    if (Array.isArray(ids)) assert.deepEqual(ours, ids, `${label}: ${JSON.stringify(text)}`);
  }
}

for (const version of VERSIONS) {
  test(`transformers ${version}: ids as its slow LlamaTokenizer gives them`, async () => {
    let compared = 0;
    for (const name of [...FOLDERS, `written-${version}-true`, `written-${version}-false`]) {
      if (name.startsWith("written-4.31.0")) continue; // those are saved-*
      const reference = await recordedBy(version, name);
      if (!reference) continue;
      compared++;
      await withFolder(async (folder) => {
        await write(folder, name, version);
        assertIds(await loadTokenizer(folder), reference, `${version} ${name}`);
        // The saved files give the same ids as the original, with config.json and without.
        const again = join(folder, "again");
        await (await loadTokenizer(folder)).save(again);
        assertIds(await loadTokenizer(again), reference, `${version} ${name} saved`);
        await cp(join(folder, "config.json"), join(again, "config.json"));
        assertIds(await loadTokenizer(again), reference, `${version} ${name} saved with its config`);
      });
    }
    assert.ok(compared >= FOLDERS.length - 1, String(compared));
  });
}

test("the released form (4.31.0): no separate space before [SCORE], and a space beside it in the text", () =>
  withFolder(async (folder) => {
    await write(folder, "saved-null", "4.31.0");
    const tokenizer = await loadTokenizer(folder);
    const ids = tokenizer.encode("is [SCORE]. ", { addSpecialTokens: false });
    assert.deepEqual(
      ids.map((id) => tokenizer.idToToken(id)),
      ["▁is", "[SCORE]", ".", "▁"],
    );
    assert.equal(tokenizer.decode(ids), "is [SCORE] . ");
  }));

test("a released checkpoint's prompt and known answer are the ids of the authors' one text", async () => {
  const question = "<image>\nCould you evaluate the aesthetics of this image?";
  const [, known = ""] = /(\S.*) $/.exec(renderAnswer(DEFAULT_TEMPLATES.answers[0] as string).text) ?? [];
  for (const name of SAVED) {
    const { cases } = (await recordedBy("4.31.0", name)) as Recorded;
    const idsOf = (start: string): number[] => {
      const found = cases.find(({ text }) => text.startsWith(start))?.ids;
      assert.ok(Array.isArray(found), start);
      return found;
    };
    await withFolder(async (folder) => {
      await write(folder, name, "4.31.0");
      const tokenizer = await loadTokenizer(folder);
      const asked = promptIds(tokenizer, framed(question, "v1"));
      const answered = [...answerIds(tokenizer, CUE, `${known} `), endTokenOf(tokenizer)];
      assert.deepEqual([...asked, ...answered], [1, ...idsOf("A chat"), IMAGE_ID, ...idsOf("\nCould")], name);
    });
  }
});

test("the version is read from config.json, then generation_config.json; files with added_tokens_decoder are newer", () =>
  withFolder(async (folder) => {
    const reference = (await recordedBy("4.31.0", "saved-absent")) as Recorded;
    const newer = (await recordedBy("4.36.2", "saved-absent")) as Recorded;
    const [both, other, none] = [join(folder, "both"), join(folder, "other"), join(folder, "none")];
    await write(both, "saved-absent", "4.31.0");
    await writeFile(join(both, "generation_config.json"), '{"transformers_version": "4.40.0"}');
    assertIds(await loadTokenizer(both), reference, "config.json before generation_config.json");
    await write(other, "saved-absent", "4.31.0", "generation_config.json");
    assertIds(await loadTokenizer(other), reference, "generation_config.json");
    await write(none, "saved-absent");
    assertIds(await loadTokenizer(none), newer, "no version");
    for (const odd of ["4.9.2", "4.31.0.dev0"]) {
      await write(other, "saved-absent", odd);
      assertIds(await loadTokenizer(other), reference, odd);
    }
    for (const odd of ["5.0.0", "main", 431, null]) {
      await write(none, "saved-absent");
      await writeFile(join(none, "config.json"), JSON.stringify({ transformers_version: odd }));
      assertIds(await loadTokenizer(none), newer, String(odd));
    }
    // Saved by this program from a tokenizer without a version, beside a model that names one.
    await rm(join(none, "config.json"));
    await (await loadTokenizer(none)).save(both);
    assertIds(await loadTokenizer(both), newer, "added_tokens_decoder");
  }));

test("tokens that we add strip nothing, whatever the version", () =>
  withFolder(async (folder) => {
    await write(folder, "model-only", "4.31.0");
    const tokenizer = await loadTokenizer(folder);
    const [score = -1] = tokenizer.addTokens(["[SCORE]"]);
    const text = "is [SCORE] .";
    const ids = tokenizer.encode(text);
    assert.equal(ids[ids.indexOf(score) - 1], tokenizer.tokenToId("▁"));
    const again = join(folder, "again");
    await tokenizer.save(again);
    await cp(join(folder, "config.json"), join(again, "config.json"));
    assert.deepEqual((await loadTokenizer(again)).encode(text), ids);
  }));

test("texts are Python's where every added token strips, and stream as they decode", () =>
  withFolder(async (folder) => {
    for (const name of SAVED) {
      const { cases } = (await recordedBy("4.34.0", name)) as Recorded;
      await write(folder, name, "4.34.0");
      const tokenizer = await loadTokenizer(folder);
      for (const { text, ids, decoded } of cases) {
        if (!Array.isArray(ids)) continue;
        // Special tokens that strip nothing, and leading blanks, are the versions' own: see decode().
        if (!/[<▁]|^ /.test(text)) assert.equal(tokenizer.decode(ids), decoded, `${name} ${JSON.stringify(text)}`);
        const stream = new TextStream(tokenizer);
        const streamed = [...ids.map((id) => stream.push(id)), stream.end()].join("");
        assert.equal(streamed, tokenizer.decode(ids), `${name} ${JSON.stringify(text)}`);
      }
    }
  }));
