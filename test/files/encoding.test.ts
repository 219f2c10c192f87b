/** Bytes to text: no character is lost silently, and pointers of Git LFS are refused. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeText, readBytes, readText, refusePointer } from "../../src/files/index.js";
import { folderWith } from "../cli/support.js";

const TEXT = "image,score,comment\na.jpg,3,sch\u00f6n \u20ac\nb.jpg,4,na\u00efve\n";
const ASCII = "image,score\na.jpg,3\n";

function wide(text: string, encoding: "utf16le" | "utf16be"): Buffer {
  const bytes = Buffer.from(text, "utf16le");
  return encoding === "utf16le" ? bytes : bytes.swap16();
}

/** Windows-1252 of a text whose only letter beyond Latin-1 is the euro sign. */
function western(text: string): Buffer {
  return Buffer.from(text.replaceAll("\u20ac", "\u0080"), "latin1");
}

test("UTF-8 with and without a mark, UTF-16 in both orders", () => {
  assert.equal(decodeText(Buffer.from(TEXT), "f"), TEXT);
  assert.equal(decodeText(Buffer.from(`\ufeff${TEXT}`), "f"), TEXT);
  for (const encoding of ["utf16le", "utf16be"] as const) {
    assert.equal(decodeText(wide(`\ufeff${TEXT}`, encoding), "f"), TEXT, encoding);
    assert.equal(decodeText(wide(ASCII, encoding), "f"), ASCII, `${encoding} without a mark`);
  }
  assert.equal(decodeText(new Uint8Array(), "f"), "");
});

test("Windows-1252 is read where a reader allows it, with a note that shows a word; else it is an error with the line", () => {
  const notes: string[] = [];
  assert.equal(decodeText(western(TEXT), "labels.csv", { notes }), TEXT);
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? "", /^labels\.csv is not UTF-8: read as Windows-1252, as "sch\u00f6n" in line 2\./);
  assert.throws(() => decodeText(western(TEXT), "labels.csv"), {
    code: "FILE_UNREADABLE",
    message: /^labels\.csv, line 2: not UTF-8 \(byte 0xf6\)\. Save it as UTF-8/,
  });
});

test("what is not likely to be Western is refused even there: other alphabets, two-byte characters, damaged UTF-8, UTF-32", () => {
  const cases = {
    // \u041a\u0440\u0430\u0441\u0438\u0432\u043e in Windows-1251, \u7f8e\u3057\u3044 in Shift JIS, \u597d\u770b in GBK.
    "Windows-1251": [0xca, 0xf0, 0xe0, 0xf1, 0xe8, 0xe2, 0xee],
    "Shift JIS": [0x94, 0xfc, 0x82, 0xb5, 0x82, 0xa2],
    GBK: [0xba, 0xc3, 0xbf, 0xb4],
    "a byte without a character": [0x61, 0x81, 0x62],
  };
  for (const [name, bytes] of Object.entries(cases)) {
    const file = Buffer.concat([Buffer.from("image,comment\na.jpg,"), Buffer.from(bytes), Buffer.from("\n")]);
    assert.throws(() => decodeText(file, "f", { notes: [] }), /f, line 2: not UTF-8/, name);
  }
  const damaged = Buffer.concat([Buffer.from("\u00e4 b \u00f6 c \u00fc\n"), Buffer.from([0xc3])]);
  assert.throws(() => decodeText(damaged, "f", { notes: [] }), /line 2: not UTF-8/);
  assert.throws(() => decodeText(Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), "f"), /UTF-32/);
  assert.throws(() => decodeText(Buffer.from([0xff, 0xfe, 0x00, 0xd8]), "f"), /looks like UTF-16 but is not valid/);
});

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 12345\n`;

test("a pointer of Git LFS is refused by every reader", async (t) => {
  const folder = folderWith(t, { "p.csv": POINTER, "like.csv": "version 1\n", "short.csv": "" });
  const message = /p\.csv is a Git LFS pointer, not the file of 12345 bytes .* git lfs install && git lfs pull/;
  for (const read of [readText, readBytes]) await assert.rejects(read(join(folder, "p.csv")), { code: "FILE_UNREADABLE", message }); // prettier-ignore
  assert.throws(() => refusePointer(Buffer.from(POINTER), "a.jpg"), /a\.jpg is a Git LFS pointer/);
  assert.equal(await readText(join(folder, "like.csv")), "version 1\n");
  assert.equal(await readText(join(folder, "short.csv")), "");
  writeFileSync(join(folder, "large.csv"), POINTER + " ".repeat(2000));
  assert.equal((await readBytes(join(folder, "large.csv"))).length, POINTER.length + 2000);
});
