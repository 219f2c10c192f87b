/** Where a picture's bytes come from, and the memory that all pictures share. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import sharp from "sharp";
import { MemoryBudget } from "../../src/image/budget.js";
import { decodeImage } from "../../src/image/index.js";
import { ROOT, fixture } from "../support.js";

const folder = mkdtempSync(join(tmpdir(), "roc-files-"));
after(() => rmSync(folder, { recursive: true }));

/** A TIFF of directories with short or long values; `next` and subdirectories by their place in the list. */
function tiff(directories: readonly (readonly (readonly [tag: number, value: number])[])[]): Buffer {
  let at = 8;
  const places = directories.map((entries) => {
    const place = at;
    at += 2 + 12 * entries.length + 4;
    return place;
  });
  const out = Buffer.alloc(at + 64);
  out.write("II*\0", "latin1");
  out.writeUInt32LE(8, 4);
  directories.forEach((entries, i) => {
    const place = places[i] ?? 0;
    out.writeUInt16LE(entries.length, place);
    entries.forEach(([tag, value], j) => {
      const entry = place + 2 + 12 * j;
      out.writeUInt16LE(tag, entry);
      out.writeUInt16LE(4, entry + 2);
      out.writeUInt32LE(1, entry + 4);
      out.writeUInt32LE(tag === 330 ? (places[value] ?? 0) : value, entry + 8);
    });
  });
  return out;
}

/** The tags of an 8-bit picture of 2 by 2 pixels. */
function page(photometric: number, compression: number): [number, number][] {
  return [
    ...([[256, 2], [257, 2], [258, 8], [259, compression], [262, photometric]] as [number, number][]),
    ...([[273, 0], [277, 1], [278, 2], [279, 4]] as [number, number][]),
  ]; // prettier-ignore
}

/** A small picture with two subdirectories: by their place in the list, or far outside the file. */
function siblings(places: readonly [number, number]): Buffer {
  const out = tiff([[[254, 1], ...page(2, 1), [330, 0]], page(32803, 34713)]);
  const sensor = 8 + 2 + 12 * 11 + 4;
  const entry = 8 + 2 + 12 * 10;
  out.writeUInt32LE(2, entry + 4);
  out.writeUInt32LE(out.length - 64 + 40, entry + 8);
  places.forEach((place, i) => out.writeUInt32LE(place === 1 ? sensor : place, out.length - 64 + 40 + 4 * i));
  return out;
}

test("a small copy is no stand-in for pictures that cannot be read", async () => {
  const expected = { code: "IMAGE_UNSUPPORTED", message: /a RAW or damaged file .*export it as a JPEG/ };
  await assert.rejects(decodeImage(siblings([0x7fffff00, 0x7fffff08]), { name: "x.tif" }), expected);
});

test("RAW and HEIC files are told by their content, whatever they are called, with what to do", async () => {
  const box = (brand: string): Buffer =>
    Buffer.concat([Buffer.of(0, 0, 0, 24), Buffer.from(`ftyp${brand}`), Buffer.alloc(40)]);
  const raw: Record<string, Buffer> = {
    "DNG": tiff([[...page(1, 1), [50706, 0x0401]]]),
    "DNG in a subdirectory": tiff([[...page(2, 1), [330, 1]], page(34892, 7)]),
    "NEF, ARW: a subdirectory of sensor values": tiff([[...page(2, 6), [330, 1]], page(32803, 34713)]),
    "NEF: a broken subdirectory before that of the sensor": siblings([0x7fffff00, 1]),
    "PEF: no thumbnail": tiff([page(32803, 65535)]),
    "CR2": Buffer.concat([Buffer.from("II*\0\x10\0\0\0CR\x02\0", "latin1"), Buffer.alloc(60)]),
    "CR3": box("crx "),
    "RAF": Buffer.from("FUJIFILMCCD-RAW 0201FF389501X-T3"),
    "ORF": Buffer.from("IIRO\x08\0\0\0"),
    "RW2": Buffer.from("IIU\0\x08\0\0\0"),
  }; // prettier-ignore
  for (const [kind, bytes] of Object.entries(raw)) {
    const expected = { code: "IMAGE_UNSUPPORTED", message: /^x\.jpg: this is a RAW file \(.+\).*export it as a JPEG/ };
    await assert.rejects(decodeImage(bytes, { name: "x.jpg" }), expected, kind);
  }
  for (const brand of ["heic", "heix", "mif1"]) {
    const expected = { code: "IMAGE_BROKEN", message: /^x: damaged or incomplete HEIC file/ };
    await assert.rejects(decodeImage(box(brand), { name: "x" }), expected, brand);
  }
});

test("what is no picture is refused by its first bytes, however large it is", async () => {
  const file = join(folder, "sparse.jpg");
  writeFileSync(file, "no picture");
  truncateSync(file, 2 ** 40);
  await assert.rejects(decodeImage(file), { code: "IMAGE_UNSUPPORTED" });
  writeFileSync(file, readFileSync(fixture("image/restart.jpg")));
  truncateSync(file, 2 ** 40);
  await assert.rejects(decodeImage(file), { code: "IMAGE_TOO_LARGE", message: /the file has over 2147 MB/ });
});

test("a pipe is read, one that nobody writes to can be left, and a device is refused", async () => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const source = fixture("image/restart.jpg");
  const writer = spawn("sh", ["-c", `sleep 0.3; cat '${source}' > '${pipe}'`]);
  assert.deepEqual(await decodeImage(pipe), await decodeImage(source));
  writer.kill();
  const controller = new AbortController();
  const waiting = decodeImage(pipe, { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(waiting, { code: "ABORTED" });
  await assert.rejects(decodeImage("/dev/zero"), { code: "FILE_UNREADABLE", message: /a device/ });
});

test("the budget: who does not fit waits, but never the first, and a signal ends the waiting", async () => {
  const budget = new MemoryBudget(100);
  const [a, b, c] = [budget.lease(), budget.lease(), budget.lease()];
  await a.take(60);
  await b.take(40);
  let done = false;
  const third = c.take(30).then(() => (done = true));
  await new Promise(setImmediate);
  assert.ok(!done);
  await a.take(500); // Above the limit: it would wait for ever.
  assert.equal(budget.used, 600);
  a[Symbol.dispose]();
  await third;
  assert.equal(budget.used, 70);
  const controller = new AbortController();
  const stopped = c.take(90, controller.signal);
  controller.abort();
  await stopped;
  c[Symbol.dispose]();
  await budget.lease().take(20);
  assert.equal(budget.used, 60);
});

test("the budget: to have everything is to wait for all the others", async () => {
  const budget = new MemoryBudget(100);
  const [a, b] = [budget.lease(), budget.lease()];
  await a.take(10);
  await b.take(10);
  const all = b.takeAll().then(() => budget.used);
  await a.take(5);
  a[Symbol.dispose]();
  assert.equal(await all, 100);
});

test("a lack of memory is no fault of the picture", { skip: process.platform !== "linux" }, async () => {
  const file = join(folder, "large.png");
  await sharp({ create: { width: 13000, height: 13000, channels: 3, background: "#456" } })
    .png()
    .toFile(file);
  const script = `
    const { decodeImage } = await import(${JSON.stringify(`${ROOT}dist/src/image/index.js`)});
    const text = await decodeImage(${JSON.stringify(file)}).then(({ width }) => width, ({ code, message }) => code + " " + message);
    console.log(text);`;
  const run = (kilobytes: number): string =>
    spawnSync("sh", ["-c", `ulimit -v ${kilobytes}; exec "$0" --input-type=module -e "$1"`, process.execPath, script], {
      encoding: "utf8",
    }).stdout.trim();
  // What Node itself takes differs by version and machine: from there up to what is enough.
  const answers = new Set<string>();
  for (const kilobytes of [800_000, 1_200_000, 1_600_000, 2_000_000]) answers.add(run(kilobytes));
  for (const answer of answers)
    assert.match(answer, /^($|13000$|OUT_OF_MEMORY .*large\.png: there is too little memory)/);
  assert.ok(
    [...answers].some((answer) => answer.startsWith("OUT_OF_MEMORY")),
    [...answers].join("\n"),
  );
});
