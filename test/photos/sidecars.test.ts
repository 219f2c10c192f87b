/** XMP sidecars: what is read, what is written beside it, what comes back; as exiftool reads it. */
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { endExiftool, readTags, type ExifTags } from "../../src/image/exiftool.js";
import { undo } from "../../src/library/culling/undo.js";
import {
  applySidecar,
  planSidecar,
  readSidecar,
  restoreSidecar,
  sidecarName,
  sidecarsOf,
  writeSidecar,
  type SidecarNaming,
} from "../../src/photos/xmp.js";

const folder = mkdtempSync(join(tmpdir(), "roc-xmp-"));
after(async () => {
  await endExiftool();
  rmSync(folder, { recursive: true });
});

let jpeg: Buffer;
before(async () => {
  jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: "#456" } })
    .jpeg()
    .toBuffer();
});

let count = 0;

/** A photo of its own, with sidecars by the naming. */
function photo(sidecars: Partial<Record<SidecarNaming, string>> = {}): string {
  const file = join(folder, `IMG ${count++}.CR2.jpg`);
  writeFileSync(file, jpeg);
  for (const [naming, text] of Object.entries(sidecars))
    writeFileSync(sidecarName(file, naming as SidecarNaming), text);
  return file;
}

/** A sidecar with properties as attributes and as elements of the first description. */
function packet(attributes: string, elements = ""): string {
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.6-c140">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:xmpDM="http://ns.adobe.com/xmp/1.0/DynamicMedia/"
    xmlns:odd="http://example.org/odd/1.0/"
    ${attributes}>
   ${elements}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;
}

const RICH = `<!-- a comment -->
   <dc:subject><rdf:Bag><rdf:li>café &amp; lake</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">A &lt;title&gt;</rdf:li><rdf:li xml:lang="de">Titel</rdf:li></rdf:Alt></dc:title>
   <odd:History><rdf:Seq><rdf:li rdf:parseType="Resource"><odd:Step>1</odd:Step><odd:Params>gz04eJxj</odd:Params></rdf:li>
   <rdf:li odd:Step="2" odd:Params="line&#xA;break"/></rdf:Seq></odd:History>`;

/** All XMP that exiftool finds, except what this program writes. */
async function othersOf(file: string): Promise<ExifTags> {
  const tags = await readTags(file, [], ["-XMP:all", "-struct", "-G1"]);
  const ours =
    /^(XMP-roc4mllm|XMP-digiKam:PickLabel|XMP-xmpDM:(Pick|Good)|XMP-xmp:(Rating|Label)|System|SourceFile|warnings|errors)/i;
  return Object.fromEntries(Object.entries(tags).filter(([name]) => !ours.test(name)));
}

test("a star, a label and a pick are read by exiftool, under both rules of names", async () => {
  for (const naming of ["appended", "replaced"] as const) {
    const file = photo();
    const { writes, kept } = await writeSidecar(file, { rating: 4, label: "Green", pick: "pick" }, naming);
    assert.deepEqual([writes.map(({ before }) => before), kept], [[undefined], []]);
    const [sidecar = ""] = await sidecarsOf(file);
    assert.equal(sidecar, naming === "appended" ? `${file}.xmp` : file.replace(".jpg", ".xmp"));
    const tags = await readTags(sidecar, [
      "XMP-xmp:Rating",
      "XMP-xmp:Label",
      "XMP-digiKam:PickLabel",
      "XMP-xmpDM:Pick",
      "XMP-xmpDM:Good",
    ]);
    const { Rating, Label, PickLabel, Pick, Good } = tags;
    assert.deepEqual(
      { Rating, Label, PickLabel, Pick, Good },
      { Rating: 4, Label: "Green", PickLabel: 3, Pick: 1, Good: true },
    );
    assert.deepEqual(await readSidecar(sidecar), { rating: 4, label: "Green", pick: "pick", ours: true });
  }
});

test("a reject is a star of -1, Lightroom's flag and digiKam's label", async () => {
  const file = photo();
  await writeSidecar(file, { pick: "reject" });
  const { Rating, PickLabel, Pick, Good } = await readTags(`${file}.xmp`, ["Rating", "PickLabel", "Pick", "Good"]);
  assert.deepEqual({ Rating, PickLabel, Pick, Good }, { Rating: -1, PickLabel: 1, Pick: -1, Good: false });
  assert.deepEqual(await readSidecar(`${file}.xmp`), { pick: "reject", ours: true });
});

test("a picture is no sidecar, and no undo file", async () => {
  const file = photo();
  await assert.rejects(readSidecar(file), { code: "DATA_INVALID", message: /is no sidecar but a picture/ });
  await assert.rejects(undo(file), { code: "DATA_INVALID", message: /is no undo file but a picture/ });
});

test("what others wrote is read: attributes and elements, flags of each program, numbers that are none", async () => {
  const cases: [string, string, object][] = [
    ['xmp:Rating="3" xmp:Label="Red"', "", { rating: 3, label: "Red" }],
    ["", "<xmp:Rating>5</xmp:Rating>", { rating: 5 }],
    [
      "",
      '<xmp:Rating rdf:parseType="Resource"><rdf:value>2</rdf:value><odd:by>me</odd:by></xmp:Rating>',
      { rating: 2 },
    ],
    ['xmp:Rating="-1"', "", { pick: "reject" }],
    ['xmp:Rating="0"', "", {}],
    ['xmp:Rating="4" digiKam:PickLabel="1"', "", { rating: 4, pick: "reject" }],
    ['digiKam:PickLabel="3"', "", { pick: "pick" }],
    ['digiKam:PickLabel="2"', "", {}],
    ['xmpDM:pick="1" xmpDM:good="true"', "", { pick: "pick" }],
    ['xmpDM:pick="-1"', "", { pick: "reject" }],
    ['xmp:Rating="many"', "", {}],
    ['xmp:Rating="6"', "", {}],
  ];
  for (const [attributes, elements, expected] of cases) {
    const file = photo({ appended: packet(attributes, elements) });
    assert.deepEqual(await readSidecar(`${file}.xmp`), { ...expected, ours: false }, attributes || elements);
  }
});

test("a sidecar that is there is merged into, and everything unknown in it comes back", async () => {
  const old = packet('xmp:CreatorTool="X" odd:Thing="a&#xA;b &quot;c&quot;"', RICH);
  const file = photo({ replaced: old });
  const sidecar = sidecarName(file, "replaced");
  const known = await othersOf(sidecar);
  assert.ok(Object.keys(known).length >= 6, JSON.stringify(known));
  await writeSidecar(file, { rating: 5, pick: "pick" }, "appended");
  assert.deepEqual(await sidecarsOf(file), [sidecar], "no second sidecar");
  assert.deepEqual(await othersOf(sidecar), known);
  const text = readFileSync(sidecar, "utf8");
  for (const part of ["<!-- a comment -->", '<?xpacket end="w"?>', 'xmptk="Adobe XMP Core 5.6-c140"'])
    assert.ok(text.includes(part), part);
  assert.equal((await readSidecar(sidecar)).rating, 5);
});

test("where both names are there, both say the same afterwards", async () => {
  const file = photo({ appended: packet('odd:a="1"'), replaced: packet('odd:b="1"') });
  const { writes } = await writeSidecar(file, { rating: 2 });
  assert.deepEqual(
    writes.map((write) => write.file),
    [`${file}.xmp`, sidecarName(file, "replaced")],
  );
  for (const { file: sidecar } of writes) assert.equal((await readSidecar(sidecar)).rating, 2);
});

test("a person's star, label and flag stay; what we wrote ourselves is replaced; twice the same changes nothing", async () => {
  const theirs = photo({ appended: packet('xmp:Rating="2" xmp:Label="Blue" digiKam:PickLabel="3"') });
  const { writes, kept } = await writeSidecar(theirs, { rating: 5, label: "Green", pick: "reject" });
  assert.deepEqual([writes, kept], [[], ["rating", "pick", "label"]]);
  const rejected = photo({ appended: packet('xmp:Rating="-1"') });
  assert.deepEqual((await planSidecar(rejected, { rating: 5, pick: "pick" })).kept, ["rating", "pick"]);

  const ours = photo();
  await writeSidecar(ours, { pick: "reject" });
  await writeSidecar(ours, { rating: 3 });
  assert.deepEqual(await readSidecar(`${ours}.xmp`), { rating: 3, ours: true });
  assert.deepEqual((await writeSidecar(ours, { rating: 3 })).writes, []);
  // A person gives another star in a program of theirs.
  writeFileSync(`${ours}.xmp`, readFileSync(`${ours}.xmp`, "utf8").replace('xmp:Rating="3"', 'xmp:Rating="1"'));
  assert.deepEqual(await readSidecar(`${ours}.xmp`), { rating: 1, ours: false });
  assert.deepEqual((await writeSidecar(ours, { rating: 5 })).kept, ["rating"]);
  assert.equal((await readSidecar(`${ours}.xmp`)).rating, 1);
});

test("a star in the photo itself is a person's too; a person's own word sets what it names alone", async () => {
  const file = photo();
  writeFileSync(file, await sharp(jpeg).withXmp(packet('xmp:Rating="4"')).toBuffer());
  assert.deepEqual(await planSidecar(file, { rating: 5 }), { photo: file, writes: [], kept: ["rating"] });
  await writeSidecar(file, { rating: 2 }, "appended", { by: "person" });
  assert.deepEqual(await readSidecar(`${file}.xmp`), { rating: 2, ours: false });
  await writeSidecar(file, { label: "Red" }, "appended", { by: "person" });
  assert.deepEqual(await readSidecar(`${file}.xmp`), { rating: 2, label: "Red", ours: false });
});

test("a person's rejection that is taken away gives back the stars beneath it, or none", async () => {
  for (const pick of ["none", "pick"] as const) {
    const flag = pick === "pick" && { pick };
    const [rated, bare] = [
      photo({ appended: packet('xmp:Rating="4"') }),
      photo({ appended: packet('xmp:Rating="-1"') }),
    ];
    await writeSidecar(rated, { pick: "reject" }, "appended", { by: "person" });
    assert.deepEqual(await readSidecar(`${rated}.xmp`), { beneath: 4, pick: "reject", ours: false });
    for (const file of [rated, bare]) await writeSidecar(file, { pick }, "appended", { by: "person" });
    assert.deepEqual(await readSidecar(`${rated}.xmp`), { rating: 4, ...flag, ours: false });
    assert.deepEqual(await readSidecar(`${bare}.xmp`), { ...flag, ours: false });
  }
});

test("undo gives every byte back, and refuses what has changed since", async () => {
  const old = `\ufeff${packet('xmp:CreatorTool="X"', RICH).replaceAll("\n", "\r\n")}\r\n\r\n`;
  const [there, fresh] = [photo({ appended: old }), photo()];
  chmodSync(`${there}.xmp`, 0o640);
  for (const file of [there, fresh]) {
    const { writes } = await writeSidecar(file, { rating: 1 });
    const [write] = writes;
    assert.ok(write);
    assert.deepEqual(readFileSync(`${file}.xmp`), Buffer.from(write.after));
    writeFileSync(`${file}.xmp`, "edited");
    await assert.rejects(restoreSidecar(write), { code: "IN_USE", message: /another program has changed it/ });
    await restoreSidecar(write, true);
    await restoreSidecar(write);
  }
  assert.deepEqual([readFileSync(`${there}.xmp`, "utf8"), statSync(`${there}.xmp`).mode & 0o777], [old, 0o640]);
  assert.deepEqual(await sidecarsOf(fresh), []);
});

test("what changed between the plan and the writing is not overwritten; a link stays one", async () => {
  const file = photo({ appended: packet("") });
  const [write] = (await planSidecar(file, { rating: 1 })).writes;
  assert.ok(write);
  writeFileSync(`${file}.xmp`, packet('xmp:Rating="5"'));
  await assert.rejects(applySidecar(write), { code: "IN_USE" });
  assert.equal((await readSidecar(`${file}.xmp`)).rating, 5);

  const linked = photo();
  writeFileSync(join(folder, "elsewhere.xmp"), packet(""));
  symlinkSync("elsewhere.xmp", `${linked}.xmp`);
  await writeSidecar(linked, { rating: 3 });
  assert.equal((await readSidecar(join(folder, "elsewhere.xmp"))).rating, 3);
});

test("a prefix that means something else, and a packet without a description", async () => {
  const taken = `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:xmp="http://example.org/mine/" xmlns="http://ns.adobe.com/xap/1.0/"><rdf:Description rdf:about="" xmp:Rating="9"/></rdf:RDF>`;
  const none = `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>`;
  for (const text of [taken, none]) {
    const file = photo({ appended: text });
    await writeSidecar(file, { rating: 3 });
    assert.equal((await readTags(`${file}.xmp`, ["XMP-xmp:Rating"])).Rating, 3);
    assert.ok(text === none || readFileSync(`${file}.xmp`, "utf8").includes('xmp:Rating="9"'));
  }
});

test("a broken sidecar is an error that names it, and is not touched", async () => {
  const cases: [string | Buffer, RegExp][] = [
    ["", /it is empty/],
    ["  \n", /it is empty/],
    ["<x:xmpmeta", /no XMP that can be read/],
    [packet('xmp:Rating="3"').slice(0, 450), /no XMP that can be read/],
    ["<html>no</html>", /holds no rdf:RDF/],
    [packet('xmp:Rating="3"').replace("xmlns:xmp", "xmlns:other"), /no XMP that can be read/],
    [packet("").replace("<x:xmpmeta", '<!DOCTYPE x [<!ENTITY a "b">]><x:xmpmeta'), /has a DOCTYPE/],
    [Buffer.from(packet('xmp:Label="é"'), "latin1"), /not UTF-8/],
    ["<a>".repeat(100_000), /no XMP that can be read/],
  ];
  for (const [content, message] of cases) {
    const file = photo();
    writeFileSync(`${file}.xmp`, content);
    for (const attempt of [readSidecar(`${file}.xmp`), writeSidecar(file, { rating: 3 })]) {
      await assert.rejects(
        attempt,
        (error: Error & { code?: string }) => {
          assert.equal(error.code, "DATA_INVALID");
          assert.ok(error.message.startsWith(`${file}.xmp: `), error.message);
          assert.match(error.message, message);
          return true;
        },
        `${String(content).slice(0, 400)}`,
      );
    }
    assert.deepEqual(readFileSync(`${file}.xmp`), Buffer.from(content));
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("photos whose names are as long as names can be have sidecars too", async () => {
  for (const [length, naming] of [
    [211, "appended"],
    [251, "appended"],
    [252, "replaced"],
    [255, "replaced"],
  ] as const) {
    for (const letter of ["x", "ü"]) {
      const [bytes, each] = [length - ".jpg".length, Buffer.byteLength(letter)];
      const file = join(folder, `${letter.repeat(bytes / each)}${"-".repeat(bytes % each)}.jpg`);
      writeFileSync(file, readFileSync(photo()));
      await writeSidecar(file, { rating: 3 }, "appended", { by: "person" });
      await writeSidecar(file, { rating: 4 }, "appended", { by: "person" });
      assert.deepEqual(await sidecarsOf(file), [sidecarName(file, naming)]);
      assert.deepEqual(await readSidecar(sidecarName(file, naming)), { rating: 4, ours: false });
    }
  }
  const file = join(folder, "x".repeat(255));
  writeFileSync(file, readFileSync(photo()));
  await assert.rejects(writeSidecar(file, { rating: 3 }), {
    code: "FILE_UNWRITABLE",
    message: /give the photo a shorter/,
  });
});

test("a change that makes no sense, or of a photo that is gone, is refused", async () => {
  const file = photo();
  const wrong: object[] = [{ rating: 6 }, { rating: 2.5 }, { rating: -1 }, { pick: "maybe" }, { label: "a\nb" }];
  for (const change of wrong) await assert.rejects(writeSidecar(file, change), { code: "USAGE" });
  const gone = planSidecar(join(folder, "gone", "x.jpg"), { rating: 1 }, "appended", { embedded: undefined });
  await assert.rejects(gone, { code: "FILE_NOT_FOUND" });
  await assert.rejects(writeSidecar(join(folder, "\udcff.jpg"), { rating: 1 }), {
    code: "USAGE",
    message: /not UTF-8/,
  });
  assert.deepEqual(await sidecarsOf(file), []);
});
