/** Label files as other programs write them: encodings, row numbers, slashes of Windows, names that macOS decomposes. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { checkDataset, readDataset, type LoadedDataset } from "../../src/data/index.js";
import { readSystem } from "../../src/eval/index.js";
import { folderWith } from "../cli/support.js";
import { datasetFolder, paint } from "./support.js";

const CARD = '{"scale": {"min": 0, "max": 100}}';

/** A data set of one label file. */
function own(t: TestContext, file: string, content: string | Buffer, card = CARD): string {
  const folder = folderWith(t, { "dataset.json": card });
  writeFileSync(join(folder, file), content);
  return folder;
}

async function attributesOf(folder: string): Promise<unknown[]> {
  const { missing } = await readDataset({ folder });
  return missing.map(({ attributes }) => attributes ?? null);
}

for (const [what, encode] of Object.entries({
  "ISO 8859-1": (text: string) => Buffer.from(text, "latin1"),
  "UTF-16 with a mark": (text: string) => Buffer.from(`\ufeff${text}`, "utf16le"),
  "UTF-16, the other way round": (text: string) => Buffer.from(`\ufeff${text}`, "utf16le").swap16(),
})) {
  test(`${what}: CSV and JSON Lines keep their letters`, async (t) => {
    const csv = own(t, "l.csv", encode("image,score,theme,comment\ncaf\u00e9.jpg,30,stra\u00dfe,sch\u00f6n\n"));
    const line = { image: "caf\u00e9.jpg", score: 30, theme: "stra\u00dfe", comment: "sch\u00f6n" };
    const jsonl = own(t, "l.jsonl", encode(`${JSON.stringify(line)}\n`));
    for (const folder of [csv, jsonl]) {
      const { missing, notes } = await readDataset({ folder });
      const [sample] = missing;
      assert.deepEqual([sample?.id, sample?.theme, sample?.comments], ["caf\u00e9.jpg", "stra\u00dfe", ["sch\u00f6n"]]);
      assert.equal(notes.some((note) => /read as Windows-1252/.test(note)), what === "ISO 8859-1"); // prettier-ignore
    }
  });

  test(`${what}: another system's predictions`, async (t) => {
    const folder = folderWith(t, {});
    const samples = [{ id: "caf\u00e9.jpg", image: "/x/caf\u00e9.jpg", score: 3, split: "test" as const }];
    const data = { name: "own", scale: { min: 1, max: 5 } };
    const rows = { "p.csv": "image,predicted_score,comment\ncaf\u00e9.jpg,4,sch\u00f6n\n", "p.jsonl": '{"image": "caf\u00e9.jpg", "score": 4, "comment": "sch\u00f6n"}\n' }; // prettier-ignore
    for (const [name, text] of Object.entries(rows)) {
      await writeFile(join(folder, name), encode(text));
      const { predictions, notes } = await readSystem(join(folder, name), data, samples);
      assert.deepEqual([predictions[0]?.predicted["score"], predictions[0]?.comment], [4, "sch\u00f6n"]);
      assert.equal(notes.length, what === "ISO 8859-1" ? 1 : 0);
    }
  });
}

test("official files in ISO 8859-1: themes of TAD66K, ids of ICAA17K, names of AADB", async (t) => {
  const recode = async (file: string, from: string, to: string): Promise<void> =>
    writeFile(file, Buffer.from((await readFile(file, "utf8")).replaceAll(from, to), "latin1"));
  const icaa = await datasetFolder(t, "icaa17k");
  const [, row = ""] = (await readFile(join(icaa, "train.csv"), "utf8")).split("\n");
  const [id = ""] = row.split(",");
  await recode(join(icaa, "train.csv"), id, "b\u00e4r/\u00e4.jpg");
  const data = await readDataset({ folder: icaa });
  assert.ok(data.missing.some((sample) => sample.id === "b\u00e4r/\u00e4.jpg"));
  assert.match(data.notes.join(), /train\.csv is not UTF-8: read as Windows-1252/);
});

test("a card that is not UTF-8 is refused with its line", async (t) => {
  const folder = own(t, "l.csv", "image,score\na.jpg,3\n");
  writeFileSync(
    join(folder, "dataset.json"),
    Buffer.from('{\n"name": "sch\u00f6n", "scale": {"min": 1, "max": 5}}', "latin1"),
  );
  await assert.rejects(readDataset({ folder }), /dataset\.json, line 2: not UTF-8/);
});

test("AVA-Captions: a comment that is not UTF-8 is refused with its place", async (t) => {
  const folder = await datasetFolder(t, "ava-captions");
  const file = join(folder, "CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json");
  await writeFile(file, Buffer.from((await readFile(file, "utf8")).replace("soft focus", "sch\u00f6n"), "latin1"));
  await assert.rejects(readDataset({ folder }), /item \d+, line \d+: not UTF-8/);
});

test("row numbers are no attribute: pandas' index, named or not, R's, and columns without a name", async (t) => {
  const cases: Record<string, string> = {
    "to_csv()": ",image,score,light\n0,a.jpg,30,1\n1,b.jpg,40,2\n",
    "read and written again": "Unnamed: 0,Unnamed: 0.1,image,score,light\n0,0,a.jpg,30,1\n1,1,b.jpg,40,2\n".replace("Unnamed: 0.1", "Unnamed: 1"), // prettier-ignore
    "reset_index()": "index,image,score,light\n7,a.jpg,30,1\n3,b.jpg,40,2\n",
    "two levels": "level_0,level_1,image,score,light\n0,5,a.jpg,30,1\n1,6,b.jpg,40,2\n",
    "write.csv() of R": '"","image","score","light"\n"1","a.jpg",30,1\n"2","b.jpg",40,2\n',
    "commas at the ends": "image,score,light,,\na.jpg,30,1,,\nb.jpg,40,2,,\n",
  };
  for (const [what, csv] of Object.entries(cases)) {
    const folder = own(t, "l.csv", csv);
    assert.deepEqual(await attributesOf(folder), [{ light: 1 }, { light: 2 }], what);
    const said = /not read, being row numbers or unnamed/.test((await readDataset({ folder })).notes.join());
    assert.equal(said, what !== "commas at the ends", what);
  }
  const lines = [0, 1].map((i) =>
    JSON.stringify({ index: i, "Unnamed: 0": i, image: `${i}.jpg`, score: 9, light: i + 1 }),
  );
  assert.deepEqual(await attributesOf(own(t, "l.jsonl", lines.join("\n"))), [{ light: 1 }, { light: 2 }]);
});

test("an attribute that is called index stays one where it is no row number, or where the card names it", async (t) => {
  const csv = "index,image,score\n2.5,a.jpg,30\n3,b.jpg,40\n";
  assert.deepEqual(await attributesOf(own(t, "l.csv", csv)), [{ index: 2.5 }, { index: 3 }]);
  const named = own(
    t,
    "l.csv",
    "index,image,score\n0,a.jpg,30\n1,b.jpg,40\n",
    CARD.replace("}}", '}, "attributes": ["index"]}'),
  );
  assert.deepEqual(await attributesOf(named), [{ index: 0 }, { index: 1 }]);
});

test("comments: a column, a JSON list in a field, and both", async (t) => {
  const csv = 'image,score,comment,comments\na.jpg,30,soft,"[""flat"", ""dull""]"\nb.jpg,40,,[not a list\n';
  const { missing } = await readDataset({ folder: own(t, "l.csv", csv) });
  assert.deepEqual(missing.map(({ comments }) => comments), [["flat", "dull", "soft"], ["[not a list"]]); // prettier-ignore
});

/** Ids and how many image files were found. */
function found({ samples, missing }: LoadedDataset): [string[], number] {
  return [[...samples, ...missing].map(({ id }) => id).sort(), samples.length];
}

test("slashes of Windows: in your own files, the card, predictions, and the official files", async (t) => {
  const folder = own(
    t,
    "l.csv",
    "image,score,split\nsub\\a.jpg,30,test\nb.jpg,40,test\n",
    CARD.replace("}}", '}, "images": "my\\\\photos"}'),
  );
  await paint(join(folder, "my", "photos"), ["sub/a.jpg", "b.jpg"]);
  const data = await readDataset({ folder });
  assert.deepEqual(found(data), [["b.jpg", "sub/a.jpg"], 2]);
  const file = join(folder, "p.csv");
  await writeFile(file, "image,predicted_score\nC:\\photos\\sub\\a.jpg,31\nb.jpg,41\n");
  const { predictions, unmatched } = await readSystem(file, data, data.samples);
  assert.deepEqual([predictions.map(({ predicted }) => predicted["score"]), unmatched], [[31, 41], 0]);

  const tad = await datasetFolder(t, "tad66k");
  const csv = "image,score\nsub\\t.jpg,3\n";
  for (const part of ["train", "test"])
    writeFileSync(join(tad, "merge", `${part}.csv`), csv.replace("t.jpg", `${part}.jpg`));
  await paint(join(tad, "images"), ["sub/train.jpg", "sub/test.jpg"]);
  assert.deepEqual(found(await readDataset({ folder: tad })), [["sub/test.jpg", "sub/train.jpg"], 2]);
});

test("a name that macOS wrote decomposed is the composed one of the labels", async (t) => {
  const folder = own(t, "l.csv", "image,score\ncaf\u00e9.jpg,30\n");
  await paint(folder, ["cafe\u0301.jpg"]);
  const { samples } = await readDataset({ folder });
  assert.equal(samples[0]?.image, join(folder, "cafe\u0301.jpg"));
  assert.equal((await checkDataset(await readDataset({ folder }))).rows.train.missing, 0);
});

test("an image folder that cannot be read is an error, names that are not UTF-8 are told", async (t) => {
  const folder = own(t, "l.csv", "image,score\na.jpg,30\n");
  mkdirSync(join(folder, "images"));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/images/`), Buffer.from([0xe4, 0x2e, 0x6a])]), "x");
  const { missing, notes } = await readDataset({ folder });
  assert.equal(missing.length, 1);
  assert.match(notes.join(), /images holds 1 file names that are not UTF-8, which labels cannot name: rename them/);
  cpSync(join(folder, "l.csv"), join(folder, "l.copy"));
  for (const one of ["l.csv", "dataset.json"]) chmodSync(join(folder, one), 0o644);
  chmodSync(folder, 0o755);
  chmodSync(join(folder, "images"), 0o300);
  const script = `
    if (process.getuid?.() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    const { readDataset } = await import(${JSON.stringify(new URL("../../src/data/index.js", import.meta.url).href)});
    await readDataset({ folder: ${JSON.stringify(folder)} }).then(() => console.log("read"), ({ message }) => console.log(message));`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  chmodSync(folder, 0o300);
  const shut = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  chmodSync(folder, 0o755);
  chmodSync(join(folder, "images"), 0o755);
  assert.match(shut, new RegExp(`${folder} cannot be read: EACCES`));
  assert.match(said, /images cannot be read: EACCES.*Check the folder's permissions/);
});

test("a column that a data set does not have is refused, whatever its kind; an attribute of one's own file may be the score", async (t) => {
  const usage = (message: RegExp): object => ({ code: "USAGE", message });
  for (const kind of ["studio", "ava-captions", "ava", "tad66k", "spaq", "kadid10k", "flive", "flickr-aes"] as const) {
    const wanted = usage(/d: Light is no score of this data set; it has one score; leave the column out\.$/);
    await assert.rejects(readDataset({ folder: "d", kind, column: "Light" }), wanted);
  }
  await assert.rejects(
    readDataset({ folder: await datasetFolder(t, "tad66k"), column: "DoF" }),
    usage(/DoF is no score of this data set/),
  );
  const folder = own(t, "l.csv", "image,score,Light,sharp\na.jpg,30,70,1\nb.jpg,40,,2\n");
  await assert.rejects(
    readDataset({ folder, column: "DoF" }),
    usage(/DoF is no score of this data set; known: Light, sharp\.$/),
  );
  const plain = await readDataset({ folder });
  assert.deepEqual([plain.missing.length, plain.missing[0]?.score], [2, 30]);
  const { missing, notes } = await readDataset({ folder, column: "Light" });
  assert.deepEqual(missing.map(({ id, score }) => [id, score]), [["a.jpg", 70]]); // prettier-ignore
  assert.ok(notes.includes("Left out, without a rating of Light: 1."));
});
