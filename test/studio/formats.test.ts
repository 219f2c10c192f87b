import assert from "node:assert/strict";
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import sharp from "sharp";
import {
  AADB_ATTRIBUTES,
  checkDataset,
  detectKind,
  PARA_ATTRIBUTES,
  readDataset,
  voteStatistics,
  type LoadedDataset,
  type Sample,
  type Split,
} from "../../src/data/index.js";
import {
  commentsOn,
  drawParts,
  makePictures,
  rateAadb,
  rateColour,
  rateFlickr,
  rateFlive,
  rateKadid,
  rateKoniq,
  ratePara,
  rateSpaq,
  STUDIO_FORMATS,
  subjectOf,
  SUBJECTS,
  writeStudio,
  writeStudioFormats,
  type Picture,
  type StudioFormatName,
  type WriteFormatsOptions,
} from "../../src/studio/index.js";
import { fixture } from "../support.js";

const COUNT = 20;
const OPTIONS = { seed: 3, count: COUNT, longEdge: 64, testFraction: 0.3 };
/** What every format is composed of. */
const STUDIO = makePictures({ seed: 3, count: COUNT, testFraction: 0.3, patterns: true });
const { pictures: PICTURES, raters: RATERS } = STUDIO;

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "studio-formats-"));
  const { rendered } = await writeStudioFormats(root, { ...OPTIONS, formats: [...STUDIO_FORMATS] });
  assert.equal(rendered, COUNT);
});
after(() => rm(root, { recursive: true, force: true }));

async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "studio-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A format's samples by the number (id) of their picture, read by the adapter of that kind. */
async function read(
  kind: StudioFormatName,
  options: Partial<Parameters<typeof readDataset>[0]> = {},
): Promise<{ data: LoadedDataset; samples: ReadonlyMap<string, Sample> }> {
  const data = await readDataset({ kind, folder: join(root, kind), ...options });
  assert.deepEqual(
    [data.missing.length, new Set(data.samples.map(({ image }) => image)).size],
    [0, data.samples.length],
  );
  const pairs = data.samples.map((sample) => [numberOf(sample), sample] as const);
  return { data, samples: new Map(pairs) };
}

/** A picture's number, from whatever a format makes of it; PARA counts from 1. */
function numberOf({ id }: Sample): string {
  const [, name] = /(\d{6})(?!.*\d{6})/.exec(id) ?? [];
  const [, counted] = /iaa_pub(\d+)_/.exec(id) ?? [];
  const [, reference, level] = /^I(\d+)_01_(\d+)\.jpg$/.exec(id) ?? [];
  const version = 5 * (Number(reference) - 1) + Number(level);
  return name ?? String(100_000 + Number(counted ?? version));
}

function near(actual: number | undefined, expected: number, tolerance: number, what: string): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= tolerance, `${what}: ${actual} for ${expected}`);
}

/** Goes through all pictures with the sample that was read for each. */
function each(samples: ReadonlyMap<string, Sample>, check: (sample: Sample, picture: Picture) => void): void {
  assert.equal(samples.size, COUNT);
  for (const picture of PICTURES) {
    const sample = samples.get(picture.id);
    assert.ok(sample, `picture ${picture.id} was not read`);
    check(sample, picture);
  }
}

function splitsOf(validation = 0, name?: "captions"): ReadonlyMap<string, Split> {
  const parts = drawParts(STUDIO.options, validation, name);
  return new Map(PICTURES.map(({ id, index }) => [id, parts[index] ?? "train"]));
}

test("ava: the votes as they were cast, also as the kind `studio` that the folder is found to be", async () => {
  const [{ samples, data }, splits] = [await read("ava"), splitsOf()];
  assert.equal(data.name, "AVA");
  each(samples, (sample, { id, votes }) => {
    const { mean, std } = voteStatistics(votes);
    assert.deepEqual([sample.votes, sample.score, sample.std, sample.split], [votes, mean, std, splits.get(id)]);
  });
  assert.equal(await detectKind(join(root, "ava")), "studio");
  const [found] = (await readDataset({ folder: join(root, "ava") })).samples;
  near(found?.attributes?.["exposure"], 1 + 9 * (PICTURES[0]?.composition.merits.exposure ?? NaN), 1e-12, "exposure");
});

test("tad66k: mean votes to six decimals, themes, and the same without the merged files", async () => {
  const splits = splitsOf();
  for (const labels of ["merge", "unmerge"] as const) {
    const { samples, data } = await read("tad66k", { labels });
    assert.deepEqual(data.notes, []);
    each(samples, (sample, { id, votes, composition }) => {
      near(sample.score, voteStatistics(votes).mean, 5.1e-7, id);
      assert.deepEqual([sample.theme, sample.split], [SUBJECTS[subjectOf(composition)].theme, splits.get(id)]);
    });
  }
  assert.equal(await detectKind(join(root, "tad66k")), "tad66k");
});

test("icaa17k: the colour score and MOS, either as the score, nested ids, probabilities", async () => {
  const [{ samples, data }, { samples: byMos }] = [await read("icaa17k"), await read("icaa17k", { column: "MOS" })];
  each(samples, (sample, picture) => {
    const colour = rateColour(picture.composition, RATERS);
    const mos = voteStatistics(picture.votes).mean;
    near(sample.score, colour.mean, 5.1e-7, picture.id);
    assert.equal(sample.attributes?.["MOS"], mos);
    assert.equal(byMos.get(picture.id)?.score, mos);
    assert.match(sample.id, /^(complementary|contrasting|monochromatic)\/[a-z]+(_[a-z]+)?\/\d{6}\.jpg$/);
    const good = colour.counts.slice(5).reduce((a, b) => a + b, 0) / colour.counts.reduce((a, b) => a + b, 0);
    const { probabilities } = data as LoadedDataset & { probabilities: ReadonlyMap<string, number> };
    assert.equal(probabilities.get(sample.id), good);
  });
  assert.equal(await detectKind(join(root, "icaa17k")), "icaa17k");
});

test("aadb: the score and all eleven attributes in the official three parts", async () => {
  const [{ samples, data }, splits] = [await read("aadb"), splitsOf(0.056)];
  assert.deepEqual(data.notes, []);
  assert.deepEqual(new Set(data.samples.map(({ split }) => split)), new Set(["train", "validation", "test"]));
  each(samples, (sample, { id, composition }) => {
    const { score, attributes } = rateAadb(composition, RATERS);
    near(sample.score, score, 5.1e-7, `${id} score`);
    assert.equal(sample.split, splits.get(id));
    assert.deepEqual(Object.keys(sample.attributes ?? {}), [...AADB_ATTRIBUTES]);
    for (const name of AADB_ATTRIBUTES) near(sample.attributes?.[name], attributes[name].mean, 5.1e-7, `${id} ${name}`);
  });
  const files = await readdir(join(root, "aadb", "imgListFiles_label"));
  assert.equal(files.length, 3 * 12);
  assert.ok(files.includes("imgListTestNewRegression_BalacingElements.txt"));
  assert.equal(await detectKind(join(root, "aadb")), "aadb");
});

test("para: votes, means and deviations of the score and the five attributes, in sessions", async () => {
  const [{ samples }, splits] = [await read("para"), splitsOf()];
  each(samples, (sample, { id, composition }) => {
    const { score, attributes } = ratePara(composition, RATERS);
    near(sample.score, score.mean, 5.1e-6, `${id} score`);
    near(sample.std, score.std, 5.1e-6, `${id} std`);
    assert.deepEqual([sample.votes, sample.split], [score.counts, splits.get(id)]);
    for (const name of PARA_ATTRIBUTES) {
      near(sample.attributes?.[name], attributes[name].mean, 5.1e-6, `${id} ${name}`);
      near(sample.attributeStds?.[name], attributes[name].std, 5.1e-6, `${id} ${name}_std`);
    }
    assert.match(sample.image, /imgs.session1.iaa_pub\d+_\.jpg$/);
    assert.match(sample.theme ?? "", /^(scene|still life|portrait|building|others)$/);
  });
  assert.equal(await detectKind(join(root, "para")), "para");
});

test("ava-captions: AVA's votes and all comments, raw and cleaned, in parts of its own", async () => {
  const [splits, inAva] = [splitsOf(0.05, "captions"), splitsOf()];
  const raw = await read("ava-captions", { comments: "all", text: "raw" });
  const clean = await read("ava-captions", {});
  const kept = PICTURES.filter(({ id }) => splits.get(id) === "test" || inAva.get(id) !== "test");
  assert.ok(kept.length < COUNT, "no picture is in AVA's test part only: choose another seed");
  assert.deepEqual([...raw.samples.keys()], kept.map(({ id }) => id)); // prettier-ignore
  for (const { id, votes, composition } of kept) {
    const [sample, first] = [raw.samples.get(id), clean.samples.get(id)];
    const comments = commentsOn(composition, RATERS);
    assert.deepEqual([sample?.comments, sample?.votes, sample?.split], [comments, votes, splits.get(id)]);
    assert.deepEqual(first?.comments, [(comments[0] ?? "").toLowerCase().replaceAll(/[^a-z ]/g, "")]);
  }
  assert.equal(await detectKind(join(root, "ava-captions")), "ava-captions");
});

test("csv: everything in one row a picture, with the card", async () => {
  const [{ samples, data }, splits] = [await read("csv"), splitsOf(0.05)];
  assert.deepEqual([data.name, data.scale, data.notes], ["studio", { min: 1, max: 10 }, []]);
  assert.deepEqual(data.attributeScales?.["Light"], { min: -1, max: 1 });
  each(samples, (sample, { id, votes, composition }) => {
    const { mean, std } = voteStatistics(votes);
    near(sample.score, mean, 5.1e-7, `${id} score`);
    near(sample.std, std, 5.1e-7, `${id} std`);
    near(sample.attributes?.["color"], rateColour(composition, RATERS).mean, 5.1e-7, `${id} color`);
    const { attributes } = rateAadb(composition, RATERS);
    for (const name of AADB_ATTRIBUTES) near(sample.attributes?.[name], attributes[name].mean, 5.1e-7, `${id} ${name}`);
    const texts = [sample.theme, sample.comments, sample.votes, sample.split];
    const comments = commentsOn(composition, RATERS).slice(0, 1);
    assert.deepEqual(texts, [SUBJECTS[subjectOf(composition)].theme, comments, votes, splits.get(id)]);
  });
  assert.equal(await detectKind(join(root, "csv")), "csv");
});

test("koniq10k: votes, deviations and the official sets, from either file", async () => {
  const [{ samples, data }, splits] = [await read("koniq10k"), splitsOf(0.124)];
  assert.deepEqual(data.notes, []);
  each(samples, (sample, { id, composition }) => {
    const { counts, mean, std } = rateKoniq(composition, RATERS);
    assert.deepEqual([sample.votes, sample.split], [counts, splits.get(id)]);
    near(sample.score, mean, 1e-9, id);
    near(sample.std, std, 0.01, id);
  });
  const zscores = await read("koniq10k", { column: "MOS_zscore" });
  each(zscores.samples, (sample, { composition }) => {
    near(sample.score, 25 * (rateKoniq(composition, RATERS).mean - 1), 1e-7, sample.id);
  });
});

test("spaq: five attributes and the scene, from workbooks", async () => {
  const { samples } = await read("spaq");
  each(samples, (sample, { id, composition }) => {
    const { score, attributes } = rateSpaq(composition, RATERS);
    near(sample.score, score.mean, 5.1e-5, id);
    for (const [name, { mean }] of Object.entries(attributes)) near(sample.attributes?.[name], mean, 5.1e-5, id);
    assert.match(sample.theme ?? "", /^(Landscape|Still-life|Human|Cityscape|Others)$/);
  });
  assert.ok([...samples.values()].some(({ attributes }) => attributes?.["Brightness"] !== attributes?.["Sharpness"]));
});

test("kadid10k: means and deviations, references in one part each", async () => {
  const { samples } = await read("kadid10k", { validationFraction: 0.4 });
  const parts = new Map<string, Set<Split>>();
  each(samples, (sample, { id, composition }) => {
    const { mean, std } = rateKadid(composition, RATERS);
    near(sample.score, mean, 5.1e-3, id);
    near(sample.std, std, 5.1e-4, id);
    const reference = sample.id.slice(0, 3);
    parts.set(reference, (parts.get(reference) ?? new Set()).add(sample.split));
  });
  assert.ok(parts.size === COUNT / 5 && [...parts.values()].every(({ size }) => size === 1));
});

test("flive: the whole list, the authors' parts, patches", async () => {
  const [{ samples, data }, splits] = [await read("flive"), splitsOf(0.2)];
  assert.deepEqual(data.notes, []);
  each(samples, (sample, { id, composition }) => {
    const { score, patches } = rateFlive(composition, RATERS);
    near(sample.score, score.mean, 5.1e-9, id);
    assert.equal(sample.split, splits.get(id));
    patches.forEach(({ mean }, k) => near(sample.attributes?.[`mos_patch_${k + 1}`], mean, 5.1e-9, id));
  });
});

test("flickr-aes: scores of 0 to 1 and five workers' ratings", async () => {
  const { samples } = await read("flickr-aes");
  each(samples, (sample, { id, composition }) => {
    const { ratings } = rateFlickr(composition, RATERS);
    near(sample.score, (ratings.mean - 1) / 4, 5.1e-7, id);
    assert.deepEqual(sample.votes, ratings.counts);
  });
});

for (const kind of ["koniq10k", "spaq", "kadid10k", "flive", "flickr-aes"] as const) {
  test(`${kind}: found by its files, and the doctor finds nothing in it`, async () => {
    assert.equal(await detectKind(join(root, kind)), kind);
    const { problems } = await checkDataset((await read(kind)).data, { limit: 0 });
    assert.deepEqual(problems, []);
  });
}

test("all formats share their pictures on the disk", async () => {
  const inodes = new Map<string, Set<number>>();
  for (const kind of STUDIO_FORMATS) {
    const folder = join(root, kind);
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".jpg"));
    assert.equal(files.length, COUNT, kind);
    for (const file of files) {
      const { ino, nlink } = await stat(join(folder, file));
      assert.equal(nlink, STUDIO_FORMATS.length, `${kind} ${file}`);
      inodes.set(kind, (inodes.get(kind) ?? new Set()).add(ino));
    }
  }
  for (const kind of STUDIO_FORMATS) assert.deepEqual(inodes.get(kind), inodes.get("ava"), kind);
});

test("what writeStudio gives for the options it always had is what it always gave", async (t) => {
  const folder = await emptyFolder(t);
  const pinned = fixture("studio/ava");
  await writeStudio(folder, { seed: "pinned", count: 9, longEdge: 64, testFraction: 0.3 });
  const withoutRenderer = (text: string): string => text.replace(/"renderer": ".*"/, "");
  for (const file of ["AVA.txt", "aesthetics_image_lists/generic_test.jpgl", "studio.json"]) {
    const [now, then] = [await readFile(join(folder, file), "utf8"), await readFile(join(pinned, file), "utf8")];
    assert.equal(withoutRenderer(now), withoutRenderer(then), file);
  }
  for (const file of await readdir(join(pinned, "images"))) {
    const [now, then] = await Promise.all(
      [folder, pinned].map((at) =>
        sharp(join(at, "images", file))
          .raw()
          .toBuffer({ resolveWithObject: true }),
      ),
    );
    assert.deepEqual([now?.info.width, now?.info.height], [then?.info.width, then?.info.height]);
    // Not byte for byte: another processor may round the last bit of a pixel otherwise.
    const difference = [...(now?.data ?? [])].reduce(
      (sum, value, i) => sum + Math.abs(value - (then?.data[i] ?? 0)),
      0,
    );
    assert.ok(difference / (now?.data.length ?? 1) < 0.25, `${file}: ${difference} in all`);
  }
  const alone = await emptyFolder(t);
  await writeStudioFormats(alone, { seed: "pinned", count: 9, longEdge: 64, testFraction: 0.3, formats: ["ava"] });
  const name = "studio.json";
  assert.equal(await readFile(join(alone, name), "utf8"), await readFile(join(folder, name), "utf8"));
});

test("a stopped run resumes, a format is added without rendering, a finished one is left alone", async (t) => {
  const folder = await emptyFolder(t);
  const controller = new AbortController();
  const onProgress = (done: number): void => {
    if (done === 8) controller.abort();
  };
  const write = (more: Partial<WriteFormatsOptions> = {}): ReturnType<typeof writeStudioFormats> =>
    writeStudioFormats(folder, { ...OPTIONS, formats: ["para", "aadb"], ...more });
  await assert.rejects(write({ onProgress, signal: controller.signal }), { code: "ABORTED" });
  await assert.rejects(stat(join(folder, "para", "studio.json")));
  const { rendered } = await write();
  assert.ok(rendered > 0 && rendered <= 12, `${rendered} after the resume`);
  assert.equal((await write()).rendered, 0);
  assert.equal((await write({ formats: ["para", "aadb", "csv"] })).rendered, 0);
  assert.equal((await readDataset({ kind: "csv", folder: join(folder, "csv") })).samples.length, COUNT);
  assert.equal((await readDataset({ kind: "para", folder: join(folder, "para") })).samples.length, COUNT);
});

test("another format or recipe in the same folder leaves nothing of the old one", async (t) => {
  const folder = await emptyFolder(t);
  await writeStudioFormats(folder, { ...OPTIONS, count: 6, formats: ["icaa17k"] });
  await writeFile(join(folder, "notes.txt"), "mine");
  await writeStudioFormats(folder, { ...OPTIONS, count: 6, formats: ["para"] });
  assert.deepEqual((await readdir(folder)).sort(), ["annotation", "imgs", "notes.txt", "studio.json"]);
  await writeStudioFormats(folder, { ...OPTIONS, count: 5, formats: ["para"] });
  assert.equal((await readdir(join(folder, "imgs", "session1"))).length, 5);
});

test("a folder with somebody else's data set is refused before anything is written", async (t) => {
  const folder = await emptyFolder(t);
  await mkdir(join(folder, "para", "annotation"), { recursive: true });
  const write = writeStudioFormats(folder, { ...OPTIONS, formats: ["ava", "para"] });
  await assert.rejects(write, { code: "USAGE", message: /annotation.*choose another folder/ });
  assert.deepEqual(await readdir(folder), ["para"]);
});

test("a picture with links elsewhere is replaced, never written through", async (t) => {
  const folder = await emptyFolder(t);
  const options = { ...OPTIONS, count: 3, formats: ["ava"] as ["ava"], patterns: true };
  await writeStudioFormats(folder, options);
  const [image = ""] = await readdir(join(folder, "images"));
  await link(join(folder, "images", image), join(folder, "kept.jpg"));
  const bytes = await readFile(join(folder, "kept.jpg"));
  await writeStudioFormats(folder, { ...options, seed: 4 });
  assert.deepEqual(await readFile(join(folder, "kept.jpg")), bytes);
  assert.notDeepEqual(await readFile(join(folder, "images", image)), bytes);
});

test("every part has a picture, and one that would leave none for training is refused", async (t) => {
  for (let seed = 0; seed < 30; seed++) {
    const parts = drawParts({ seed, count: 3, testFraction: 0.1, patterns: true }, 0.05);
    assert.deepEqual([...parts].sort(), ["test", "train", "validation"]);
  }
  const large = drawParts({ seed: 1, count: 2000, testFraction: 0.1, patterns: true }, 0.05);
  const share = (part: Split): number => large.filter((one) => one === part).length / large.length;
  near(share("test"), 0.1, 0.02, "test");
  near(share("validation"), 0.045, 0.015, "validation");
  const folder = await emptyFolder(t);
  const write = writeStudioFormats(folder, { ...OPTIONS, count: 1, formats: ["tad66k"] });
  await assert.rejects(write, { code: "USAGE", message: /none is left for training/ });
  assert.deepEqual(await readdir(folder), []);
});
