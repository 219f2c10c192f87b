/** `roc4mllm cull`: plans, sidecars that exiftool reads, and undo to the byte. */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { ExifTool } from "exiftool-vendored";
import { cullCommand } from "../../src/cli/library/cull.js";
import { libraryCommand } from "../../src/cli/library/library.js";
import type { PlannedPhoto } from "../../src/library/culling/plan.js";
import { readUndo, undo, writeUndo } from "../../src/library/culling/undo.js";
import { planSidecars, writeSidecars } from "../../src/library/culling/write.js";
import { applySidecar } from "../../src/photos/xmp.js";
import { writeCard, type CardPicture } from "../../src/studio/bursts.js";
import { picture, redModel } from "../library/support.js";
import { fakeEngine, folderWith, jsonLines, resultFor, runCommand } from "./support.js";

let card: { readonly folder: string; readonly data: string; readonly pictures: readonly CardPicture[] };

before(async (t) => {
  const folder = folderWith(t as TestContext, {});
  card = {
    folder,
    data: folderWith(t as TestContext, {}),
    pictures: await writeCard(folder, { seed: "cli", count: 16, longEdge: 64 }),
  };
});

/** A copy of the card, with more files. */
function photos(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = folderWith(t, {});
  cpSync(card.folder, folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

/** Scores are what was composed. */
async function cull(...argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const latents = new Map(card.pictures.map(({ file, latent }) => [file, latent]));
  const engine = fakeEngine((file) => resultFor(file, latents.get(basename(file)) ?? 0), { disposed: false });
  const scored: typeof engine = {
    load: async (...args) => {
      const model = await engine.load(...args);
      const score: typeof model.score = async function* (inputs) {
        // Without a distribution the comparison is by the latents alone.
        for await (const file of inputs as AsyncIterable<string>)
          yield { ...resultFor(file, latents.get(basename(file)) ?? 0), distribution: null };
      };
      return { ...model, score };
    },
  };
  const env = { XDG_DATA_HOME: card.data };
  return runCommand(["cull", ...argv], { cull: async () => cullCommand }, { engine: async () => scored, env });
}

interface Plan {
  readonly counts: { readonly picked: number; readonly rejected: number; readonly failed: number };
  readonly groups: readonly {
    readonly photos: readonly {
      readonly file: string;
      readonly kept: boolean;
      readonly best: number | null;
      readonly first?: true;
    }[];
  }[];
  readonly photos: readonly { readonly file: string; readonly pick?: string; readonly group?: number; readonly rating?: number; readonly kept?: readonly string[]; readonly first?: boolean; readonly score?: number }[]; // prettier-ignore
  readonly failures: readonly { readonly file: string; readonly error: { readonly code: string } }[];
  readonly sidecars: { readonly planned: readonly string[]; readonly written: number };
  readonly undo: string | null;
}

async function planOf(...argv: readonly string[]): Promise<Plan> {
  return JSON.parse((await cull(...argv, "--json")).stdout) as Plan;
}

/** Every file of a folder with its bytes. */
function contents(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "base64")]));
}

const FOREIGN = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:strange="http://example.org/strange/1.0/" strange:Mood="calm">
    <strange:List><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></strange:List>
    <dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
  </rdf:Description></rdf:RDF></x:xmpmeta>`;

function starred(stars: number): string {
  return `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="${stars}"/></rdf:RDF></x:xmpmeta>`;
}

/** The names of the first group's photos, best first. */
async function firstGroup(folder: string): Promise<{ keeper: string; other: string }> {
  const { groups } = await planOf(folder, "--dry-run", "--reject-brackets");
  const names = groups[0]?.photos.map(({ file }) => basename(file)) ?? [];
  return { keeper: names[0] ?? "", other: names[1] ?? "" };
}

test("a dry run prints the plan and writes nothing; the composed best of every group is picked", async (t) => {
  const folder = photos(t);
  const found = contents(folder);
  const { stdout, stderr, code } = await cull(folder, "--dry-run", "--undo-file", "/dev/null/undo");
  assert.match(stderr, /note: \/dev\/null\/undo could not be written: \/dev\/null is no folder/);
  assert.equal(code, 0);
  assert.match(stdout, /(burst|bracket) of \d+\n {2}IMG_\d+\.jpg +pick/);
  assert.match(
    stdout,
    /16 photos by fake@0; \d+ in \d+ groups?; .*\n\d+ sidecars would be written; nothing was written/,
  );
  const plan = await planOf(folder, "--dry-run");
  assert.ok(plan.groups.length > 0 && plan.undo === null);
  const latents = new Map(card.pictures.map(({ file, latent }) => [file, latent]));
  for (const group of plan.groups) {
    const qualities = group.photos.map(({ file }) => latents.get(basename(file)) ?? NaN);
    assert.deepEqual(group.photos.map(({ kept }) => kept), qualities.map((_, i) => i === 0)); // prettier-ignore
    assert.equal(qualities[0], Math.max(...qualities));
  }
  assert.deepEqual(contents(folder), found);
});

test("through a link to the folder: the library has every photo once, and names stay as they were given", async (t) => {
  const folder = realpathSync(folderWith(t, {}));
  const [real, other, link] = [join(folder, "real"), join(folder, "other"), join(folder, "link")];
  await picture(join(real, "good.png"), 100);
  await picture(join(real, "bad.png"), 50);
  await picture(join(other, "more.png"), 200);
  symlinkSync(real, link);
  symlinkSync(other, join(real, "inner"));
  const engine = () => Promise.resolve({ load: () => Promise.resolve(redModel([], { failing: ["bad"] })) });
  const env = { XDG_DATA_HOME: join(folder, "data") };
  const commands = { cull: async () => cullCommand, library: async () => libraryCommand };
  const run = (...argv: readonly string[]) => runCommand(argv, commands, { engine, env });
  const culled = await run("cull", link, "--json", "--dry-run");
  const plan = JSON.parse(culled.stdout) as Plan;
  assert.deepEqual(plan.photos.map(({ file }) => file), [join(link, "good.png"), join(link, "inner/more.png")]); // prettier-ignore
  assert.deepEqual(plan.failures, [
    { file: join(link, "bad.png"), error: { code: "IMAGE_BROKEN", message: `${join(link, "bad.png")}: broken` } },
  ]);
  assert.match((await run("cull", link, "--dry-run")).stdout, /failed: \S*bad\.png: broken \(IMAGE_BROKEN\)/);
  assert.equal((await run("library", "scan", real)).code, 0);
  assert.equal((await run("library", "scan", join(link, "good.png"), join(real, "inner/more.png"))).code, 0);
  const files = (stdout: string): unknown[] => jsonLines(stdout).map((photo) => (photo as { file: string }).file);
  const expected = ["bad.png", "good.png"].map((name) => join(real, name)).concat(join(other, "more.png"));
  assert.deepEqual(files((await run("library", "list", "--sort", "name", "--json")).stdout), expected);

  // A failure is of the picture: a copy's is told by the copy's own name.
  cpSync(join(real, "bad.png"), join(other, "copy.png"));
  await run("library", "scan", other);
  const told = await run("library", "list", "--where", "name = copy.png", "--json");
  assert.match(told.stdout, /"message":"[^"]*\/copy\.png: broken"/);
  assert.match((await run("library", "forget", link)).stderr, /^2 photos/);
});

test("exiftool reads what is written; the same again writes nothing; --undo puts every byte back", async (t) => {
  const { keeper, other } = await firstGroup(photos(t));
  const folder = photos(t, { [`${keeper}.xmp`]: FOREIGN });
  const found = contents(folder);
  const plan = await planOf(folder, "--reject-brackets");
  assert.ok(plan.counts.picked > 0 && plan.counts.rejected > 0 && plan.undo !== null);
  assert.equal(plan.sidecars.written, plan.sidecars.planned.length);
  const tool = new ExifTool({ maxProcs: 1 });
  t.after(() => tool.end());
  const read = (name: string): Promise<Record<string, unknown>> =>
    tool.readRaw<Record<string, unknown>>(join(folder, `${name}.xmp`), { readArgs: ["-n", "-G1"] });
  const [picked, rejected] = [await read(keeper), await read(other)];
  assert.deepEqual([picked["XMP-xmpDM:Pick"], picked["XMP-digiKam:PickLabel"], picked["XMP-xmp:Label"]], [1, 3, "Green"]); // prettier-ignore
  assert.deepEqual([rejected["XMP-xmp:Rating"], rejected["XMP-xmpDM:Pick"], rejected["XMP-xmp:Label"]], [-1, -1, "Red"]); // prettier-ignore
  assert.deepEqual([picked["XMP-strange:Mood"], picked["XMP-strange:List"], picked["XMP-dc:Subject"]], ["calm", ["one", "two"], "sea"]); // prettier-ignore
  const written = contents(folder);
  const again = await planOf(folder, "--reject-brackets");
  assert.deepEqual([again.sidecars, again.undo], [{ planned: [], written: 0 }, null]);
  assert.deepEqual(contents(folder), written);
  for (let time = 0; time < 2; time++) {
    const { code, stderr } = await cull("--undo", plan.undo ?? "");
    assert.equal(code, 0);
    assert.match(stderr, /sidecars are as before\n/);
    const { [basename(plan.undo ?? "")]: _, ...left } = contents(folder);
    assert.deepEqual(left, found);
  }
});

test("a person's star stays, and the plan says so", async (t) => {
  const { other } = await firstGroup(photos(t));
  const folder = photos(t, { [`${other}.xmp`]: starred(4) });
  const plan = await planOf(folder, "--reject-brackets");
  assert.deepEqual(plan.photos.find(({ file }) => basename(file) === other)?.kept, ["pick"]);
  // Neither the pick nor the label, which says the same.
  assert.equal(readFileSync(join(folder, `${other}.xmp`), "utf8"), starred(4));
  assert.match((await cull(folder, "--dry-run", "--reject-brackets")).stdout, /yours stays: pick/);
  await cull(folder, "--reject-brackets");
  assert.match((await cull(folder, "--reject-brackets")).stdout, /nothing to write: what you gave 1 photo stays, and the sidecars say the rest/); // prettier-ignore
});

test("what was changed since is named and stays, unless it is forced; also after the folder has moved", async (t) => {
  const place = photos(t);
  const plan = await planOf(place);
  const folder = join(folderWith(t, {}), "moved");
  renameSync(place, folder);
  const undoFile = join(folder, basename(plan.undo ?? ""));
  const [first = "", second = ""] = plan.sidecars.planned.map((file) => join(folder, basename(file)));
  writeFileSync(first, starred(5));
  const refused = await cull("--undo", undoFile);
  assert.equal(refused.code, 9);
  assert.match(refused.stderr, new RegExp(`stays: .*${basename(first)}: another program has changed it`));
  assert.ok(!readdirSync(folder).includes(basename(second)));
  assert.equal(readFileSync(first, "utf8"), starred(5));
  assert.equal((await cull("--undo", undoFile, "--force")).code, 0);
  assert.ok(!readdirSync(folder).some((name) => name.endsWith(".xmp")));
});

test("writing that was stopped is undone to the byte, or finished by the same command", async (t) => {
  const whole = photos(t);
  const { undo: undoFile } = await planOf(whole);
  const writes = await readUndo(undoFile ?? "");
  const wanted = contents(whole);
  for (const finish of [true, false]) {
    const folder = photos(t);
    const found = contents(folder);
    const stopped = writes.map((write) => ({ ...write, file: join(folder, basename(write.file)) }));
    const file = join(folder, "stopped.undo.jsonl");
    await writeUndo(file, folder, stopped);
    for (const write of stopped.slice(0, 2)) await applySidecar(write);
    if (finish) {
      assert.equal((await planOf(folder)).sidecars.written, writes.length - 2);
      const sidecars = (all: Record<string, string>): [string, string][] =>
        Object.entries(all).filter(([name]) => name.endsWith(".xmp"));
      assert.deepEqual(sidecars(contents(folder)), sidecars(wanted));
    }
    assert.deepEqual(await undo(file), { restored: writes.length, refused: [] });
    const left = Object.entries(contents(folder)).filter(([name]) => !name.endsWith(".undo.jsonl"));
    assert.deepEqual(Object.fromEntries(left), found);
  }
});

test("without a place for the undo file nothing is written", async (t) => {
  const folder = photos(t, { blocked: "" });
  const found = contents(folder);
  const { code } = await cull(folder, "--undo-file", join(folder, "blocked", "undo.jsonl"));
  assert.equal(code, 3);
  assert.deepEqual(contents(folder), found);
});

test("the same keepers whatever the files are called", async (t) => {
  const [folder, renamed] = [photos(t), photos(t)];
  const { length } = card.pictures;
  const newName = (name: string): string => name.replace(/\d+/, (digits) => `Z${length - Number(digits)}`);
  for (const { file } of card.pictures) renameSync(join(renamed, file), join(renamed, newName(file)));
  const groupsOf = (plan: Plan): string[][] => plan.groups.map(({ photos: all }) => all.map(({ file }) => basename(file)).sort()); // prettier-ignore
  const [first, second] = [await planOf(folder, "--dry-run"), await planOf(renamed, "--dry-run")];
  assert.deepEqual(groupsOf(second), groupsOf(first).map((group) => group.map(newName).sort())); // prettier-ignore
});

test("a broken sidecar is named and stays; the others are written", async (t) => {
  const { other } = await firstGroup(photos(t));
  const folder = photos(t, { [`${other}.xmp`]: "<not xmp" });
  const plan = await planOf(folder, "--reject-brackets");
  assert.deepEqual(plan.failures.map(({ file, error }) => [basename(file), error.code]), [[other, "DATA_INVALID"]]); // prettier-ignore
  assert.ok(plan.sidecars.written > 0);
  assert.equal(readFileSync(join(folder, `${other}.xmp`), "utf8"), "<not xmp");
  assert.equal((await cull(folder, "--reject-brackets", "--dry-run")).code, 3);
});

test("a RAW and its JPEG get the same, in one sidecar where its name says so", async (t) => {
  const { keeper } = await firstGroup(photos(t));
  const stem = basename(keeper, ".jpg");
  const folder = photos(t);
  cpSync(join(folder, keeper), join(folder, `${stem}.dng`));
  const both = await planOf(folder, "--dry-run");
  const names = both.sidecars.planned.map((file) => basename(file)).filter((name) => name.startsWith(stem));
  assert.deepEqual(names, [`${stem}.dng.xmp`, `${stem}.jpg.xmp`]);
  const one = await planOf(folder, "--sidecars", "replaced");
  assert.deepEqual(one.sidecars.planned.filter((file) => basename(file).startsWith(stem)), [join(folder, `${stem}.xmp`)]); // prettier-ignore
  assert.equal(one.counts.failed, 0);
  const lines = readFileSync(one.undo ?? "", "utf8")
    .split("\n")
    .filter((line) => line.includes(`"${stem}.xmp"`));
  assert.equal(lines.length, 1);
  assert.deepEqual((await planOf(folder, "--sidecars", "replaced")).sidecars.planned, []);
  assert.match((await cull("--undo", one.undo ?? "")).stderr, /are as before\n/);
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".xmp")), []); // prettier-ignore
});

test("what a person gave a RAW's own sidecar stays in the one that it shares with its JPEG", async (t) => {
  const { other } = await firstGroup(photos(t));
  const stem = basename(other, ".jpg");
  const folder = photos(t, { [`${stem}.dng.xmp`]: starred(4) });
  cpSync(join(folder, other), join(folder, `${stem}.dng`));
  const plan = await planOf(folder, "--sidecars", "replaced", "--reject-brackets");
  assert.deepEqual(plan.sidecars.planned.filter((file) => basename(file).startsWith(stem)), []); // prettier-ignore
  assert.deepEqual(plan.photos.find(({ file }) => basename(file) === other)?.kept, ["pick"]);
});

test("what a person rejected is not the keeper, what a person picked is; a keeper that cannot be marked spares the others", async (t) => {
  const { keeper, other } = await firstGroup(photos(t));
  const rejected = starred(-1);
  const first = await planOf(photos(t, { [`${keeper}.xmp`]: rejected }), "--reject-brackets", "--dry-run");
  const members = (plan: Plan): Plan["photos"] => plan.photos.filter(({ group }) => group === 0);
  const keepers = (plan: Plan): string[] => (plan.groups[0]?.photos ?? []).filter(({ kept }) => kept).map(({ file }) => basename(file)); // prettier-ignore
  assert.deepEqual(keepers(first), [other]);
  assert.equal(members(first).find(({ file }) => basename(file) === keeper)?.pick, "reject");
  const picked = starred(3).replace("<rdf:Description", '<rdf:Description xmlns:d="http://ns.adobe.com/xmp/1.0/DynamicMedia/" d:pick="1"'); // prettier-ignore
  assert.deepEqual(keepers(await planOf(photos(t, { [`${other}.xmp`]: picked }), "--reject-brackets", "--dry-run")), [other]); // prettier-ignore
  const broken = await planOf(photos(t, { [`${keeper}.xmp`]: "<not xmp" }), "--reject-brackets", "--dry-run");
  assert.deepEqual(
    members(broken).filter(({ pick }) => pick === "reject"),
    [],
  );
});

test("of two photos with one name and verdicts of their own, one has the sidecar of that name", async (t) => {
  const { keeper, other } = await firstGroup(photos(t));
  const stem = basename(keeper, ".jpg");
  const folder = photos(t);
  cpSync(join(folder, other), join(folder, `${stem}.png`));
  const { sidecars } = await planOf(folder, "--sidecars", "replaced", "--reject-brackets");
  const names = sidecars.planned.map((file) => basename(file)).filter((name) => name.startsWith(stem));
  assert.equal(names.length, 2);
  assert.ok(names.includes(`${stem}.xmp`) && names.some((name) => /\.(jpg|png)\.xmp$/.test(name)));
  const again = await planOf(folder, "--sidecars", "replaced", "--reject-brackets");
  assert.deepEqual(again.sidecars.planned, []);
});

test("undo files that are cut off, foreign or point elsewhere are refused, and nothing is touched", async (t) => {
  const folder = photos(t);
  const { undo: undoFile } = await planOf(folder);
  const text = readFileSync(undoFile ?? "", "utf8");
  const [head = "", line = ""] = text.split("\n");
  mkdirSync(join(folder, "below"));
  const evil = join(folder, "below", "evil.jsonl");
  const outside = line.replace(/"file":"[^"]*"/, '"file":"../IMG_00001.jpg.xmp"');
  const photo = line.replace(/"file":"[^"]*"/, '"file":"IMG_00001.jpg"');
  for (const [content, why] of [
    [text.slice(0, -5), /cut off/],
    ['{"a":1}\n', /line 1: it is no undo file/],
    [`${head}\n{"file":1}\n`, /line 2/],
    [`${head}\n${outside}\n`, /no sidecar in the folder/],
    [`${head}\n${photo}\n`, /no sidecar in the folder/],
  ] as const) {
    writeFileSync(evil, content);
    const { code, stderr } = await cull("--undo", evil, "--force");
    assert.equal(code, 4);
    assert.match(stderr, why);
  }
});

test("arguments that make no sense are refused by what is wrong with them", async (t) => {
  const folder = photos(t);
  for (const [argv, code, why] of [
    [[], 2, /Name the folder/],
    [[folder, "--force"], 2, /--force belongs to --undo/],
    [[folder, "--stars", "5:x"], 2, /5:x is no share/],
    [[join(folder, "none")], 3, /is not there/],
    [[join(folder, "IMG_00001.jpg")], 2, /is no folder/],
    [["--undo", join(folder, "none")], 3, /none/],
  ] as const) {
    const ran = await cull(...argv);
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stderr, why);
  }
});

test("the undo file takes the place of no other file; that is said before anything is scored", async (t) => {
  const folder = photos(t, {
    "notes.txt": "mine",
    "IMG_00001.jpg.xmp": starred(3),
    "cut.jsonl": '{"format":"roc4mllm-undo"',
  });
  const found = contents(folder);
  for (const [name, code] of [
    ["IMG_00002.jpg", 2],
    ["notes.txt", 2],
    ["IMG_00001.jpg.xmp", 2],
    ["cut.jsonl", 4],
  ] as const) {
    const ran = await cull(folder, "--undo-file", join(folder, name));
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stderr, new RegExp(`${name}.*(it stays as it is|cut off).*Name another file`));
    assert.deepEqual(contents(folder), found);
  }
});

test("a second culling with the same undo file is a further layer: --undo brings back what was before the first", async (t) => {
  const { keeper, other } = await firstGroup(photos(t));
  const folder = photos(t, { [`${keeper}.xmp`]: FOREIGN });
  const found = contents(folder);
  const file = join(folderWith(t, { "undo.jsonl": "" }), "undo.jsonl");
  await cull(folder, "--undo-file", file);
  const again = await cull(folder, "--stars", "none", "--no-labels", "--undo-file", file);
  assert.match(again.stderr, /undo\.jsonl holds what was written before, too/);
  const written = contents(folder);
  const all = readFileSync(file, "utf8");
  for (let time = 0; time < 2; time++) {
    assert.equal((await cull("--undo", file)).code, 0);
    assert.deepEqual(contents(folder), found);
  }
  // What a person did between the two is where undoing ends, and all of it with --force.
  const place = photos(t, { [`${keeper}.xmp`]: FOREIGN });
  const between = join(folderWith(t, {}), "undo.jsonl");
  await cull(place, "--undo-file", between, "--reject-brackets");
  const mine = readFileSync(join(place, `${keeper}.xmp`), "utf8").replace("calm", "wild");
  writeFileSync(join(place, `${keeper}.xmp`), mine);
  await cull(place, "--undo-file", between, "--stars", "none", "--no-labels");
  assert.notEqual(readFileSync(join(place, `${keeper}.xmp`), "utf8"), mine);
  const stopped = await cull("--undo", between);
  assert.equal(stopped.code, 9);
  assert.match(stopped.stderr, new RegExp(`stays: .*${keeper}`));
  assert.equal(readFileSync(join(place, `${keeper}.xmp`), "utf8"), mine);
  assert.ok(!readdirSync(place).includes(`${other}.xmp`));
  assert.equal((await cull("--undo", between, "--force")).code, 0);
  assert.deepEqual(contents(place), found);
  // A layer that was not written to its end is undone from where it is.
  for (const [name, content] of Object.entries(written)) if (name > other) writeFileSync(join(folder, name), content, "base64"); // prettier-ignore
  writeFileSync(file, all);
  assert.equal((await cull("--undo", file)).code, 0);
  assert.deepEqual(contents(folder), found);
});

test("--undo with --dry-run lists what would come back and changes nothing", async (t) => {
  const { keeper, other } = await firstGroup(photos(t));
  const folder = photos(t, { [`${keeper}.xmp`]: FOREIGN });
  const { undo: file, sidecars } = await planOf(folder, "--reject-brackets");
  const written = contents(folder);
  for (const argv of [
    ["--undo", file ?? ""],
    [folder, "--undo", file ?? ""],
  ]) {
    const { stdout, stderr, code } = await cull(...argv, "--dry-run");
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`put back +.*${keeper}\\.xmp\n`));
    assert.match(stdout, new RegExp(`take away +.*${other}\\.xmp\n`));
    assert.match(stderr, /sidecars would be as before; nothing was changed \(--dry-run\)\n/);
    const json = JSON.parse((await cull(...argv, "--dry-run", "--json")).stdout) as {
      restored: number;
      files: unknown[];
    };
    assert.deepEqual([json.restored, json.files.length], [0, sidecars.planned.length]);
    assert.deepEqual(contents(folder), written);
  }
  writeFileSync(join(folder, `${other}.xmp`), starred(5));
  const changed = await cull("--undo", file ?? "", "--dry-run");
  assert.deepEqual([changed.code, /stays: .*another program has changed it/.test(changed.stderr)], [9, true]);
  assert.equal((await cull(folder, "--undo", file ?? "", "--force")).code, 0);
  assert.ok(!readdirSync(folder).includes(`${other}.xmp`));
});

test("--undo takes the folder that its file is of, and no option of culling", async (t) => {
  const [folder, another] = [photos(t), photos(t)];
  const file = (await planOf(folder)).undo ?? "";
  const written = contents(folder);
  const wrong = await cull(another, "--undo", file);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /is of .*, not of/);
  const model = ["--library", "x.db"];
  for (const argv of [
    ["--stars", "none"],
    ["--among", "folder"],
    ["--keep", "1"],
    ["--no-labels"],
    ["--undo-file", "x"],
    ["--model", "demo"],
    model,
  ]) {
    const { code, stderr } = await cull("--undo", file, ...argv);
    assert.equal(code, 2, stderr);
    assert.match(stderr, new RegExp(`${argv[0] ?? ""} is of culling, not of --undo`));
  }
  assert.deepEqual(contents(folder), written);
});

test("--undo of photos that have moved says so, not that they are as before", async (t) => {
  const folder = photos(t);
  const plan = await planOf(folder, "--undo-file", join(folderWith(t, {}), "undo.jsonl"));
  const file = plan.undo ?? "";
  const [sidecar = ""] = plan.sidecars.planned;
  const photo = sidecar.slice(0, -4);
  const away = folderWith(t, {});
  for (const name of [photo, sidecar]) renameSync(name, join(away, basename(name)));
  for (const argv of [["--dry-run"], [], [], ["--force"]]) {
    const { code, stderr } = await cull("--undo", file, ...argv);
    assert.equal(code, 3, stderr);
    assert.match(stderr, new RegExp(`stays: .*${basename(sidecar)}: not there any more \\(moved\\?\\)`));
    assert.match(stderr, /as before, not 1 others[;\n]/);
  }
  renameSync(join(away, basename(photo)), photo);
  assert.equal((await cull("--undo", file)).code, 0);
});

test("a sidecar of the other naming is there where any photo of its name is", async (t) => {
  const folder = photos(t);
  const { undo: file, sidecars } = await planOf(folder, "--sidecars", "replaced");
  for (let time = 0; time < 2; time++) assert.equal((await cull("--undo", file ?? "")).code, 0);
  const [first = ""] = sidecars.planned;
  renameSync(first.replace(/xmp$/, "jpg"), join(folderWith(t, {}), "a.jpg"));
  assert.match((await cull("--undo", file ?? "")).stderr, /not there any more \(moved\?\)/);
});

function planned(file: string, rating: number): PlannedPhoto {
  return { file, rating, score: 5, std: 1 };
}

test("a photo that is gone when its sidecar is to be written gets none; the others get theirs", async (t) => {
  const folder = photos(t, { "b.dng": "raw", "b.jpg": "jpeg", "a.jpg": "jpeg" });
  const { writes } = await planSidecars(
    [
      { photo: planned(join(folder, "a.jpg"), 4), files: [join(folder, "a.jpg")], embedded: undefined },
      {
        photo: planned(join(folder, "b.dng"), 5),
        files: ["b.dng", "b.jpg"].map((name) => join(folder, name)),
        embedded: undefined,
      },
    ],
    "appended",
  );
  assert.equal(writes.length, 3);
  for (const name of ["a.jpg", "b.jpg"]) rmSync(join(folder, name));
  const { written, failures } = await writeSidecars(writes, join(folder, "undo.jsonl"), folder);
  assert.deepEqual([written, failures.map(({ error }) => error.code)], [1, ["FILE_NOT_FOUND", "FILE_NOT_FOUND"]]);
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".xmp")), ["b.dng.xmp"]); // prettier-ignore
});

test("two cullings with one undo file at once: both are in it", async (t) => {
  const folder = photos(t, Object.fromEntries(["a", "b", "c", "d"].map((name) => [`${name}.jpg`, "jpeg"])));
  const file = join(folderWith(t, {}), "undo.jsonl");
  const rounds = ["a", "b", "c", "d"].map(async (name) => {
    const photo = planned(join(folder, `${name}.jpg`), 4);
    const { writes } = await planSidecars([{ photo, files: [photo.file], embedded: undefined }], "appended");
    await writeSidecars(writes, file, folder);
  });
  await Promise.all(rounds);
  const names = (await readUndo(file)).map((write) => basename(write.file));
  assert.deepEqual(names.sort(), ["a.jpg.xmp", "b.jpg.xmp", "c.jpg.xmp", "d.jpg.xmp"]);
});

test("--first: stars by the second judge alone, keepers of a group by one judge, nothing scored twice", async (t) => {
  const folder = photos(t);
  const small = folderWith(t, { "config.json": "{}" });
  const latents = new Map(card.pictures.map(({ file, latent }) => [file, latent]));
  const asked = { first: 0, second: 0 };
  const engine = async () => ({
    load: async (checkpoint: string) => {
      const isFirst = (checkpoint as unknown as { path: string }).path === small;
      const scoreOf = (file: string): number => (isFirst ? 10 : 1) * (latents.get(basename(file)) ?? 0);
      const made = await fakeEngine((file) => resultFor(file, scoreOf(file)), { disposed: false }).load(checkpoint);
      const score: typeof made.score = async function* (inputs) {
        for await (const file of inputs as AsyncIterable<string>) {
          asked[isFirst ? "first" : "second"]++;
          yield { ...resultFor(file, scoreOf(file)), distribution: null, ...(isFirst && { std: null }) };
        }
      };
      const digest = isFirst ? "1" : "2";
      return {
        ...made,
        score,
        digest,
        name: isFirst ? "small@1" : "large@2",
        scale: { min: 1, max: isFirst ? 100 : 10 },
      };
    },
  });
  const env = { XDG_DATA_HOME: folderWith(t, {}) };
  const run = (...argv: readonly string[]) =>
    runCommand(["cull", folder, ...argv], { cull: async () => cullCommand }, { engine: engine as never, env });
  assert.equal((await run("--first", small, "--among", "library", "--dry-run")).code, 2);
  const same = await run("--first", small, "--model", small, "--dry-run");
  assert.deepEqual([same.code, /are both small@1/.test(same.stderr)], [2, true], same.stderr);
  assert.equal((await run("--first", small, "--model", join(folder, "none"), "--dry-run")).code, 3);
  assert.deepEqual(asked, { first: 0, second: 0 }, "what is wrong with a judge is said before anything is scored");
  const options = ["--first", small, "--contenders", "25%", "--dry-run"];
  const { stdout, code, stderr } = await run(...options, "--json");
  assert.equal(code, 0, stderr);
  const plan = JSON.parse(stdout) as Plan & {
    readonly first: { readonly model: string; readonly share: number; readonly alone: number };
  };
  const alone = plan.photos.filter(({ first }) => first);
  assert.deepEqual({ ...plan.first }, { model: "small@1", scale: { min: 1, max: 100 }, share: 0.25, alone: alone.length }); // prettier-ignore
  assert.ok(alone.length > 0 && alone.length <= 12);
  assert.deepEqual([asked.first, asked.second], [16, 16 - alone.length]);
  for (const { file, score, first, rating } of plan.photos) {
    assert.equal(score, (first ? 10 : 1) * (latents.get(basename(file)) ?? NaN));
    assert.ok(!first || rating === undefined, "no stars by the first judge");
  }
  // A group is of one judge.
  for (const { photos: members } of plan.groups) {
    const judges = new Set(members.map(({ file }) => plan.photos.find((photo) => photo.file === file)?.first ?? false));
    assert.equal(judges.size, 1);
    // The small one gives scores alone, which do not say how sure they are.
    for (const { best, first } of members)
      assert.deepEqual([best === null, first ?? false], [judges.has(true), judges.has(true)]);
  }
  assert.ok(plan.groups.some(({ photos: members }) => alone.some(({ file }) => file === members[0]?.file)));
  const text = await run(...options);
  assert.match(text.stdout, /\(first look\) +by the score alone/);
  assert.match(text.stdout, new RegExp(`${alone.length} of 16 photos seen by small@1 alone: they have no stars`));
  assert.deepEqual([asked.first, asked.second], [16, 16 - alone.length]);
});
