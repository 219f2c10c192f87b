/** What a photo's file says of its making, and the one exiftool process for what sharp does not read. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { ExifTool } from "exiftool-vendored";
import sharp from "sharp";
import { endExiftool } from "../../src/image/exiftool.js";
import { pathOfName } from "../../src/image/index.js";
import { openToRead } from "../../src/library/open.js";
import { copyPhotos } from "../../src/photos/copy.js";
import { readMetadata } from "../../src/photos/metadata.js";
import { ROOT } from "../support.js";

const folder = mkdtempSync(join(tmpdir(), "roc-metadata-"));
const writer = new ExifTool({ maxProcs: 1 });
after(async () => {
  await writer.end();
  await endExiftool();
  rmSync(folder, { recursive: true });
});

const TAGS = [
  ...["-DateTimeOriginal=2026:05:01 12:30:05", "-SubSecTimeOriginal=070", "-OffsetTimeOriginal=+02:00"],
  ...["-Make=Canon", "-Model=Canon EOS R5", "-LensModel=RF 50mm F1.2", "-ISO=400", "-FNumber=1.8"],
  ...["-ExposureTime=1/250", "-ExposureCompensation=-1", "-Orientation#=6", "-XMP:Rating=4", "-IFD0:Rating=2"],
];

const EXPECTED = {
  ...{ taken: "2026-05-01T12:30:05.070", offset: "+02:00", camera: "Canon EOS R5", lens: "RF 50mm F1.2", iso: 400 },
  ...{ aperture: 1.8, exposureTime: 0.004, exposureBias: -1, orientation: 6, width: 20, height: 30 },
};

const picture = sharp({ create: { width: 30, height: 20, channels: 3, background: "#456" } });

/** A file with those tags, which exiftool wrote. */
async function tagged(name: string, args = TAGS): Promise<string> {
  const file = join(folder, name);
  writeFileSync(
    file,
    await picture.toFormat(name.endsWith("tif") ? "tiff" : (name.split(".").at(-1) as "jpeg")).toBuffer(),
  );
  await writer.write(file, {}, { writeArgs: ["-overwrite_original", ...args] });
  return file;
}

let tiff: string;
before(async () => {
  tiff = await tagged("a.tif");
});

test("time, camera, exposure, orientation and stars of each format", async () => {
  for (const name of ["a.jpg", "a.png", "a.webp"]) {
    assert.deepEqual(await readMetadata(await tagged(name)), { ...EXPECTED, rating: 4 }, name);
  }
  const { rating, exposureTime, ...others } = await readMetadata(tiff);
  const { exposureTime: expected, ...theirs } = EXPECTED;
  assert.deepEqual(others, theirs);
  assert.ok(rating !== undefined && exposureTime === expected);
});

test("what a file does not say is left out; dates that are none, and stars of EXIF alone", async () => {
  const args = [
    "-DateTimeOriginal=0000:00:00 00:00:00",
    "-IFD0:Rating=3",
    "-Make=NIKON CORPORATION",
    "-Model=NIKON Z 8",
  ];
  assert.deepEqual(await readMetadata(await tagged("b.jpg", args)), {
    camera: "NIKON Z 8",
    rating: 3,
    width: 30,
    height: 20,
  });
  const dated = await tagged("c.jpg", ["-XMP-photoshop:DateCreated=2024:02:03 04:05:06.5+09:00", "-XMP-xmp:Rating=-1"]);
  assert.deepEqual(await readMetadata(dated), {
    taken: "2024-02-03T04:05:06.5",
    offset: "+09:00",
    rating: -1,
    width: 30,
    height: 20,
  });
});

test("damaged metadata is left out, a missing file is named", async () => {
  const file = await tagged("d.jpg");
  const bytes = (
    await sharp(file)
      .withExif({ IFD0: { Make: "X" } })
      .toBuffer()
  ).fill(0xff, 30, 60);
  writeFileSync(file, bytes);
  const { width, height, taken } = await readMetadata(file);
  assert.deepEqual({ width, height, taken }, { width: 30, height: 20, taken: undefined });
  await assert.rejects(readMetadata(join(folder, "none.jpg")), { code: "FILE_NOT_FOUND", message: /none\.jpg/ });
});

test("no name is an option, a list of arguments or two lines to exiftool", async () => {
  const names = ["-delete.tif", "@args.tif", "a\n-execute\nb.tif", "-o\r.tif", "\udcff.tif", "%d.tif", "été 'x'.tif"];
  for (const name of names) {
    const file = join(folder, name);
    writeFileSync(pathOfName(file), await sharp(tiff).withMetadata().tiff().toBuffer());
    const { width } = await readMetadata(file);
    assert.equal(width, 20, name);
    const before = process.cwd();
    process.chdir(folder);
    assert.equal((await readMetadata(name).finally(() => process.chdir(before))).width, 20, name);
  }
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => /^roc4mllm-\w{6}$/.test(name)),
    [],
  );
});

const run = promisify(execFile);
const script = (body: string): string => `
  const { readMetadata } = await import(${JSON.stringify(`${ROOT}dist/src/photos/metadata.js`)});
  ${body}`;

test("the process holds no program, and one where exiftool cannot run says what to do", async () => {
  const read = `console.log((await readMetadata(${JSON.stringify(tiff)})).camera);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script(read)], { timeout: 60_000 });
  assert.equal(stdout, "Canon EOS R5\n");
  // As where Perl is missing or broken: whatever is started ends at once.
  const broken = `import child from "node:child_process";
    import { syncBuiltinESMExports } from "node:module";
    const { execFile } = child;
    child.execFile = (command, args, options, done) => execFile("false", [], options, done);
    syncBuiltinESMExports();`;
  const caught = `await readMetadata(${JSON.stringify(tiff)}).catch((e) => console.log(e.code, e.message));`;
  const without = await run(process.execPath, ["--input-type=module", "-e", broken + script(caught)], {
    timeout: 60_000,
  });
  assert.match(without.stdout, /^IMAGE_UNSUPPORTED .*a\.tif: exiftool cannot be started.*apt-get install perl/);
});

test("a pipe or a folder in a photo's place is refused at once", { timeout: 60_000 }, async () => {
  const pipe = join(folder, "pipe.jpg");
  if (process.platform !== "win32") {
    await promisify(execFile)("mkfifo", [pipe]);
    await assert.rejects(readMetadata(pipe), { code: "FILE_UNREADABLE", message: /it is a pipe/ });
    const { notes } = await copyPhotos([pipe], join(folder, "copies"));
    assert.match(notes.join(), /not copied: .*it is a pipe/);
    await assert.rejects(openToRead(pipe), { code: "FILE_UNREADABLE" });
  }
  await assert.rejects(readMetadata(folder), { code: "FILE_UNREADABLE", message: /it is a folder/ });
});
