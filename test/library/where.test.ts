/** Texts that are looked for: letters of any alphabet in any case, quotes and signs as they are. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Catalog } from "../../src/library/catalog.js";
import { libraryOf, tempFolder } from "./support.js";

const NAMES = ["ÜBUNG.JPG", "übung 2.jpg".normalize("NFD"), "straße*[1].jpg", `it's 5" wide.jpg`, "ubung.jpg"];

/** Which of them are found, by their places. */
const CONDITIONS: Readonly<Record<string, string>> = {
  "name ~ übung": "01",
  "name ~ ÜBUNG": "01",
  "name ~ 'Übung 2'": "1",
  "name = Übung.jpg": "0",
  "name != Übung.jpg": "1234",
  "not name ~ übung": "234",
  "name ~ 'ße*['": "2",
  "name ~ 'ß*1'": "",
  "name ~ 'ße?'": "",
  'name ~ "it\'s 5"" WIDE"': "3",
  'name = "it\'s 5"" wide.jpg"': "3",
  "folder ~ ÄPFEL": "01234",
};

test("a part of a text is found in any case, whatever the alphabet", async (t) => {
  const file = join(await tempFolder(t), "library.db");
  await libraryOf(file, NAMES.map((name) => ({ name, folder: "/äpfel" }))); // prettier-ignore
  using catalog = await Catalog.open(file);
  for (const [where, expected] of Object.entries(CONDITIONS)) {
    const found = catalog.photos({ where }).photos.map(({ name }) => NAMES.indexOf(name));
    assert.equal(found.join(""), expected, where);
  }
});
