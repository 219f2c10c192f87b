/** The adapters of KonIQ-10k, SPAQ, KADID-10k, FLIVE and FLICKR-AES on files in the official formats. */
import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import {
  checkDataset,
  detectKind,
  readDataset,
  type DatasetRequest,
  type LoadedDataset,
  type Sample,
} from "../../src/data/index.js";
import { isRocError, messageOf } from "../../src/errors.js";
import { Random } from "../../src/random.js";
import { mutateBytes } from "../fuzz/mutate.js";
import { datasetFolder, paint } from "./support.js";

/** A fixture that is found to be its kind, with all pictures. */
async function read(
  t: TestContext,
  kind: string,
  change: (folder: string) => Promise<unknown> = () => Promise.resolve(),
  options: Partial<DatasetRequest> = {},
): Promise<LoadedDataset & { readonly all: readonly Sample[] }> {
  const folder = await datasetFolder(t, kind);
  if (kind === "spaq") await nameSpaq(folder);
  await change(folder);
  assert.equal(await detectKind(folder), kind);
  const data = await readDataset({ folder, ...options });
  return { ...data, all: data.rated ?? [] };
}

const WORKBOOK = join("Annotations", "MOS and Image attribute scores.xlsx");

/** The official names, which have blanks. */
async function nameSpaq(folder: string): Promise<void> {
  await mkdir(join(folder, "Annotations"));
  await rename(join(folder, "scores.xlsx"), join(folder, WORKBOOK));
  await rename(join(folder, "scenes.xlsx"), join(folder, "Annotations", "Scene category labels.xlsx"));
}

function ids({ rated = [] }: LoadedDataset, split: string): string[] {
  return rated.filter((sample) => sample.split === split).map(({ id }) => id);
}

const SCORES = "koniq10k_scores_and_distributions.csv";
const SETS = "koniq10k_distributions_sets.csv";

test("KonIQ-10k: mean votes, votes, deviations, the official sets; the doctor finds only missing pictures", async (t) => {
  const data = await read(t, "koniq10k", (folder) => paint(folder, ["1024x768/1000.jpg"]));
  assert.deepEqual([data.name, data.scale, data.notes], ["KonIQ-10k", { min: 1, max: 5 }, []]);
  assert.deepEqual([ids(data, "train"), ids(data, "validation"), ids(data, "test")], [["1000.jpg", "1003.jpg", "1004.jpg"], ["1002.jpg"], ["1001.jpg"]]); // prettier-ignore
  assert.deepEqual([data.samples.length, data.missing.length], [1, 4]);
  const [first] = data.samples;
  assert.deepEqual([first?.score, first?.std, first?.votes], [3.828571429, 0.527277894, [0, 0, 25, 73, 7]]);
  const { problems } = await checkDataset(data, { limit: 0 });
  assert.deepEqual([...new Set(problems.map(({ kind }) => kind))], ["missing-image"]);
});

test("KonIQ-10k: votes that are not as many as c_total are refused by line", async (t) => {
  const wrong = async (folder: string): Promise<void> => {
    const file = join(folder, SCORES);
    await writeFile(file, (await readFile(file, "utf8")).replace(",25,73,7,105,", ",25,37,7,105,"));
  };
  await assert.rejects(read(t, "koniq10k", wrong), {
    code: "DATA_INVALID",
    message: /line 2, column "c_total".*is 105, but c1 \+ c2 \+ c3 \+ c4 \+ c5 are 69/,
  });
});

test("KonIQ-10k: either file alone, and the standardised score", async (t) => {
  const [whole, sets, scores] = [
    await read(t, "koniq10k"),
    await read(t, "koniq10k", (folder) => rm(join(folder, SCORES))),
    await read(t, "koniq10k", (folder) => rm(join(folder, SETS))),
  ];
  const labels = ({ all }: { readonly all: readonly Sample[] }): unknown => all.map(({ id, votes, score, std = 0 }) => [id, votes, score.toFixed(6), std.toFixed(6)]); // prettier-ignore
  assert.deepEqual(labels(sets), labels(whole));
  assert.deepEqual(labels(scores), labels(whole));
  assert.match(scores.notes.join(), /No official split in KonIQ-10k.*1 of 5/);
  for (const without of [undefined, SCORES]) {
    const change = async (folder: string): Promise<unknown> => without && rm(join(folder, without));
    const data = await read(t, "koniq10k", change, { column: "MOS_zscore" });
    const [first] = data.all;
    assert.deepEqual([data.scale, first?.score], [{ min: 0, max: 100 }, 77.28571429]);
    assert.ok(Math.abs((first?.std ?? 0) - 25 * 0.527277894) < 1e-6);
    const { problems } = await checkDataset(data, { limit: 0 });
    assert.ok(problems.every(({ kind }) => kind !== "votes-disagree"));
  }
  await assert.rejects(read(t, "koniq10k", undefined, { column: "color" }), { code: "USAGE", message: /MOS_zscore/ });
  const wrong = (folder: string): Promise<void> =>
    readFile(join(folder, SETS), "utf8").then((text) =>
      writeFile(join(folder, SETS), text.replace("validation", "dev set")),
    );
  await assert.rejects(read(t, "koniq10k", wrong), { code: "DATA_INVALID", message: /line 4, column "set".*dev set/ });
});

test("SPAQ: workbooks, and CSV exports of them: attributes, the likeliest scene, a drawn test part", async (t) => {
  const data = await read(t, "spaq");
  assert.deepEqual([data.name, data.scale, data.all.length], ["SPAQ", { min: 0, max: 100 }, 10]);
  assert.match(data.notes.join(), /No official split in SPAQ: a fifth is the test part, 2 of 10/);
  assert.deepEqual(data.all.slice(0, 3).map(({ theme }) => theme), ["Animal", "Cityscape", "Human"]); // prettier-ignore
  const [first] = data.all;
  const names = ["Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"];
  assert.deepEqual(Object.keys(first?.attributes ?? {}), names);
  assert.match(data.missing[0]?.image ?? "", /TestImage.00001\.jpg$/);
  const again = await read(t, "spaq", async (folder) => {
    const rows = data.all.map(({ id, score, attributes }) => [id, score, ...Object.values(attributes ?? {})].join(";"));
    const labels = join(folder, "Annotations");
    await rm(labels, { recursive: true });
    const text = [["Image name", "MOS", ...names].join(";"), ...rows].join("\r\n");
    await writeFile(join(folder, "MOS and Image attribute scores.csv"), text);
  });
  const labels = (all: readonly Sample[]): unknown => all.map(({ id, score, attributes, split }) => [id, score, attributes, split]); // prettier-ignore
  assert.deepEqual(labels(again.all), labels(data.all));
  assert.match(again.notes.join(), /No file Scene category labels/);
});

test("SPAQ: a wrong cell is named by its row; what is no workbook, or a huge one, is refused", async (t) => {
  const sheet = "xl/worksheets/sheet1.xml";
  const changed = (change: (text: string) => string) => async (folder: string) => {
    const parts = unzipSync(await readFile(join(folder, WORKBOOK)));
    const text = change(strFromU8(parts[sheet] ?? new Uint8Array()));
    await writeFile(join(folder, WORKBOOK), zipSync({ ...parts, [sheet]: strToU8(text) }));
  };
  const cases: [(text: string) => string, RegExp][] = [
    [(text) => text.replace(/(<c r="B3" t=")n(">)<v>[^<]*<\/v>/, "$1inlineStr$2<is><t>bad</t></is>"), /scores\.xlsx, line 3, column "MOS": "bad" is not a number/],
    [(text) => text.replace('r="A4"', 'r="ZZZZZZZZZ4"'), /"ZZZZZZZZZ4" is no cell/],
    [(text) => text.replace('r="A4"', 'r="XFD999999"'), /999999 times 16384 cells/],
    [(text) => text.replace("Image name", "Name"), /no column "Image name" in the header/],
    [(text) => text.slice(0, 400), /is no workbook that can be read/],
  ]; // prettier-ignore
  for (const [change, message] of cases) {
    await assert.rejects(read(t, "spaq", changed(change)), { code: "DATA_INVALID", message });
  }
  for (const bytes of ["", "PK no zip", "Image name,MOS\n"]) {
    await assert.rejects(
      read(t, "spaq", (folder) => writeFile(join(folder, WORKBOOK), bytes)),
      {
        message: /MOS and Image attribute scores\.xlsx/,
      },
    );
  }
});

test("SPAQ: the sheet is the one with the header, and is named where it is not the first", async (t) => {
  const withNotes = (change: (text: string) => string) => async (folder: string) => {
    const parts = unzipSync(await readFile(join(folder, WORKBOOK)));
    const changed = (name: string, how: (text: string) => string): Record<string, Uint8Array> => ({ [name]: strToU8(how(strFromU8(parts[name] ?? new Uint8Array()))) }); // prettier-ignore
    const [, relation = ""] = /(<Relationship [^>]*worksheets\/sheet1\.xml[^>]*>)/.exec(strFromU8(parts["xl/_rels/workbook.xml.rels"] ?? new Uint8Array())) ?? []; // prettier-ignore
    const other = relation.replace("sheet1.xml", "sheet9.xml").replace(/ Id="[^"]*"/, ' Id="rId99"');
    const more = {
      ...changed("xl/worksheets/sheet1.xml", change),
      ...changed("xl/_rels/workbook.xml.rels", (text) => text.replace(relation, `${relation}${other}`)),
      ...changed("xl/workbook.xml", (text) =>
        text.replace(/<sheet /, '<sheet name="About" sheetId="99" r:id="rId99"/><sheet '),
      ),
      "xl/worksheets/sheet9.xml": strToU8('<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>About SPAQ</t></is></c></row></sheetData></worksheet>'), // prettier-ignore
    };
    await writeFile(join(folder, WORKBOOK), zipSync({ ...parts, ...more }));
  };
  const [plain, several] = [
    await read(t, "spaq"),
    await read(
      t,
      "spaq",
      withNotes((text) => text),
    ),
  ];
  assert.deepEqual(several.all.map(({ id, score }) => [id, score]), plain.all.map(({ id, score }) => [id, score])); // prettier-ignore
  const bad = withNotes((text) =>
    text.replace(/(<c r="B3" t=")n(">)<v>[^<]*<\/v>/, "$1inlineStr$2<is><t>bad</t></is>"),
  );
  await assert.rejects(read(t, "spaq", bad), {
    code: "DATA_INVALID",
    message: /scores\.xlsx, sheet "(?!About)[^"]+", line 3/,
  });
});

test("SPAQ: a damaged workbook is read or refused by name, whatever is damaged", async (t) => {
  const folder = await datasetFolder(t, "spaq");
  await nameSpaq(folder);
  const whole = await readFile(join(folder, WORKBOOK));
  const sheet = "xl/worksheets/sheet1.xml";
  const parts = unzipSync(whole);
  for (let round = 0; round < 60; round++) {
    const random = new Random("workbook", round);
    const inside = zipSync({ ...parts, [sheet]: mutateBytes(Buffer.from(parts[sheet] ?? []), random) });
    await writeFile(join(folder, WORKBOOK), round % 2 === 0 ? mutateBytes(whole, random) : inside);
    const error: unknown = await readDataset({ folder, kind: "spaq" }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined)
      assert.ok(isRocError(error) && error.message.includes(folder), `round ${round}: ${messageOf(error)}`);
  }
});

test("SPAQ: a workbook whose checksums do not fit is refused, whichever bit of it was flipped", async (t) => {
  const folder = await datasetFolder(t, "spaq");
  await nameSpaq(folder);
  const whole = zipSync(unzipSync(await readFile(join(folder, WORKBOOK))), { level: 0 });
  const read = async (bytes: Uint8Array): Promise<string> => {
    await writeFile(join(folder, WORKBOOK), bytes);
    return JSON.stringify((await readDataset({ folder, kind: "spaq" })).rated);
  };
  const before = await read(whole);
  const value = Buffer.from(whole).indexOf("<v>") + "<v>".length;
  const other = Uint8Array.from(whole, (byte, at) => (at === value ? byte ^ 1 : byte));
  await assert.rejects(read(other), { code: "DATA_INVALID", message: /sheet1\.xml is damaged: its checksum/ });
  for (let round = 0; round < 40; round++) {
    const place = new Random("flip", round).int(whole.length);
    const flipped = Uint8Array.from(whole, (byte, at) => (at === place ? byte ^ 4 : byte));
    const found = await read(flipped).catch((error: unknown) => (isRocError(error) ? before : messageOf(error)));
    assert.equal(found, before, `byte ${place}`);
  }
});

test("rows that contradict each other are no data set, or the test part's", async (t) => {
  const appended = (file: string, text: string) => async (folder: string) =>
    writeFile(join(folder, file), `${(await readFile(join(folder, file), "utf8")).trimEnd()}\n${text}\n`);
  await assert.rejects(read(t, "flive", appended("labels_image.csv", "voc_emotic_ava/AVA__101.jpg,1")), {
    code: "DATA_INVALID",
    message: /another row rates voc_emotic_ava\/AVA__101\.jpg with 72\.8/,
  });
  const padded = "labels=640_padded.csv";
  const other = await read(t, "flive", appended(padded, "1,1,1,3,blur_dataset/motion0044.jpg,False"));
  assert.match(other.notes.join(" "), /Other scores .*: 1 pictures\..* two parts: 1 pictures/);
  assert.ok(ids(other, "test").includes("blur_dataset/motion0044.jpg"));
  const sets = async (folder: string): Promise<void> => {
    const lines = (await readFile(join(folder, SETS), "utf8")).trimEnd().split(/\r?\n/);
    const last = lines.at(-1) ?? "";
    const moved = last.replace(/training|validation|test/, (set) => (set === "test" ? "training" : "test"));
    await writeFile(join(folder, SETS), [...lines, moved].join("\n"));
  };
  await assert.rejects(read(t, "koniq10k", sets), { code: "DATA_INVALID", message: /another row puts .* into/ });
});

test("KADID-10k: deviations from the column var; no reference is in two parts, whatever the seed", async (t) => {
  const parts = new Set<string>();
  for (const seed of [0, 1, 2]) {
    const data = await read(t, "kadid10k", undefined, { validationFraction: 0.25, seed });
    assert.deepEqual([data.name, data.scale, data.all.length], ["KADID-10k", { min: 1, max: 5 }, 30]);
    const references = (split: string): Set<string> => new Set(ids(data, split).map((id) => id.slice(0, 3)));
    const [train, validation, held] = ["train", "validation", "test"].map(references) as [Set<string>, Set<string>, Set<string>]; // prettier-ignore
    assert.deepEqual([train.size, validation.size, held.size], [6, 2, 2]);
    assert.equal(new Set([...train, ...validation, ...held]).size, 10);
    parts.add([...held].join());
    assert.ok(data.all.every(({ std, score }) => std !== undefined && std < 1.5 && score >= 1));
    assert.ok(!("group" in (data.all[0] ?? {})));
  }
  assert.equal(parts.size, 1, "the test part follows no seed");
});

test("FLIVE: the authors' parts, ratings of patches; the padded file alone; no part at all", async (t) => {
  const data = await read(t, "flive", (folder) => paint(folder, ["database/blur_dataset/motion0044.jpg"]));
  assert.deepEqual([data.name, data.scale, data.notes], ["FLIVE", { min: 0, max: 100 }, []]);
  const all = ["train", "validation", "test"].map((split) => ids(data, split).length);
  assert.deepEqual([all, ids(data, "validation")], [[2, 1, 2], ["voc_emotic_ava/AVA__101.jpg"]]);
  assert.equal(data.samples[0]?.score, 94.3332343725568);
  assert.deepEqual(data.samples[0]?.attributes, { mos_patch_1: 70.5, mos_patch_2: 71.25, mos_patch_3: 72 });
  const official = await read(t, "flive", async (folder) => {
    await rm(join(folder, "labels_image.csv"));
    await rename(join(folder, "labels=640_padded.csv"), join(folder, "labels<=640_padded.csv"));
    await rm(join(folder, "labels640.csv"));
  });
  assert.deepEqual([ids(official, "train").length, ids(official, "validation").length], [2, 1]);
  const rest = await read(t, "flive", (folder) => rm(join(folder, "labels640.csv")));
  assert.equal(ids(rest, "test").length, 2, "what is not among the small ones is large");
  const none = await read(t, "flive", async (folder) => {
    for (const name of ["labels=640_padded.csv", "labels640.csv"]) await rm(join(folder, name));
  });
  assert.match(none.notes.join(), /No official split.*1 of 5/);
  const odd = (folder: string): Promise<void> =>
    writeFile(join(folder, "labels640.csv"), "name_image,mos_image,is_test\na.jpg,3,perhaps\n");
  await assert.rejects(read(t, "flive", odd), { code: "DATA_INVALID", message: /line 2, column "is_test".*perhaps/ });
});

test("FLICKR-AES: names behind a blank, weighted scores, workers' ratings as votes", async (t) => {
  const data = await read(t, "flickr-aes", (folder) => paint(folder, ["40K/farm1_262_20003_cdd9_b.jpg"]));
  assert.deepEqual([data.name, data.scale, data.all.length], ["FLICKR-AES", { min: 0, max: 1 }, 10]);
  const [sample] = data.samples;
  assert.equal(
    sample?.votes?.reduce((sum, n) => sum + n, 0),
    5,
  );
  assert.ok((sample?.std ?? -1) >= 0 && (sample?.std ?? 1) <= 0.5);
  assert.equal(new Set(sample?.raters).size, 5, "each worker once");
  assert.deepEqual(data.ratingScale, { min: 1, max: 5 });
  assert.deepEqual(sample?.ratings?.map(({ rater }) => rater), sample?.raters); // prettier-ignore
  const given = sample?.votes?.flatMap((count, i) => Array.from({ length: count }, () => i + 1));
  assert.deepEqual(sample?.ratings?.map(({ score }) => score).sort(), given);
  assert.equal(data.all.filter(({ votes }) => votes === undefined).length, 1);
  assert.deepEqual(data.notes.slice(0, 2), ["Left out, rated by workers but without a score: 1.", "Pictures without a worker's rating: 1."]); // prettier-ignore
  const { problems } = await checkDataset(data, { limit: 0 });
  assert.deepEqual([...new Set(problems.map(({ kind }) => kind))], ["missing-image"]);
  const workers = "FLICKR-AES_image_labeled_by_each_worker.csv";
  const scored = await read(t, "flickr-aes", (folder) => rm(join(folder, workers)));
  assert.match(scored.notes.join(), /pictures have no votes/);
  const six = (folder: string): Promise<void> =>
    writeFile(join(folder, workers), "worker,imagePair,score\nA,x.jpg,6\n");
  await assert.rejects(read(t, "flickr-aes", six), { code: "DATA_INVALID", message: /line 2, column "score": 6 is no rating/ }); // prettier-ignore
});
