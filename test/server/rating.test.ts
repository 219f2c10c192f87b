/** Ratings over HTTP: each part alone, and none that its client has not seen. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import sharp from "sharp";
import { scan } from "../../src/library/scan/scan.js";
import { readSidecar, writeSidecar } from "../../src/photos/xmp.js";
import { libraryOf, redModel, tempFolder } from "../library/support.js";
import { ask, listening, SlowModel, type Answer } from "./support.js";

interface Rated {
  readonly file: string;
  readonly sidecar: string;
  readonly library: string;
  readonly put: (body: unknown, headers?: Record<string, string>) => Promise<Answer>;
  /** Takes a change back. */
  readonly remove: (change: unknown, headers: Record<string, string>) => Promise<Answer>;
  readonly get: () => Promise<Answer>;
}

/** A photo of a library that a server has. */
async function ratedPhoto(t: TestContext, { name = "a.jpg", xmp = "" } = {}): Promise<Rated> {
  const folder = await tempFolder(t);
  const file = join(folder, name);
  const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } });
  await writeFile(file, await (xmp === "" ? picture : picture.withXmp(xmp)).jpeg().toBuffer());
  const library = join(folder, "library.db");
  await libraryOf(library, [{ folder, name }]);
  const address = await listening(t, { model: new SlowModel(), library });
  const { body } = await ask(address, "/v1/library/photos");
  const [{ id = "" } = {}] = body["photos"] as { id?: string }[];
  const path = `/v1/library/photos/${id}/rating`;
  const put: Rated["put"] = (value, others = {}) => {
    const headers = { "content-type": "application/json", ...others };
    return ask(address, path, { method: "PUT", headers, body: JSON.stringify(value) });
  };
  const remove: Rated["remove"] = (change, headers) =>
    ask(address, `${path}?change=${String(change)}`, { method: "DELETE", headers });
  return { file, sidecar: `${file}.xmp`, library, put, remove, get: () => ask(address, `/v1/library/photos/${id}`) };
}

const shown = ({ status, body }: Answer): unknown => {
  const { stars, pick } = (body["photo"] ?? body) as { stars?: number; pick?: string };
  return [status, stars ?? 0, pick ?? "none"];
};

/** Another program, which has the photo open too. */
const elsewhere = (file: string, rating: number): Promise<unknown> =>
  writeSidecar(file, { rating }, "appended", { by: "person" });

test("stars and flag are rated alone: what is not named stays as it is on the disk", async (t) => {
  const { file, sidecar, put, get } = await ratedPhoto(t);
  await elsewhere(file, 5);
  assert.deepEqual(shown(await put({ pick: "pick" })), [200, 5, "pick"]);
  assert.deepEqual(await readSidecar(sidecar), { rating: 5, pick: "pick", ours: false });
  assert.deepEqual(shown(await put({ stars: 2 })), [200, 2, "pick"]);
  assert.deepEqual(shown(await get()), [200, 2, "pick"]);
  assert.deepEqual(shown(await put({ pick: "none" })), [200, 2, "none"]);
  assert.deepEqual(await readSidecar(sidecar), { rating: 2, ours: false });
});

test("a rejection takes the place of the stars, and gives them back", async (t) => {
  const { sidecar, put } = await ratedPhoto(t);
  await put({ stars: 4 });
  assert.deepEqual(shown(await put({ pick: "reject" })), [200, 4, "reject"]);
  assert.deepEqual(await readSidecar(sidecar), { beneath: 4, pick: "reject", ours: false });
  assert.deepEqual(shown(await put({ stars: 3 })), [200, 3, "reject"]);
  assert.deepEqual(await readSidecar(sidecar), { beneath: 3, pick: "reject", ours: false });
  assert.deepEqual(shown(await put({ pick: "none" })), [200, 3, "none"]);
  assert.deepEqual(await readSidecar(sidecar), { rating: 3, ours: false });
  assert.doesNotMatch(await readFile(sidecar, "utf8"), /Beneath/);
});

test("stars beneath a rejection outlive another program's writing and a scan", async (t) => {
  const { file, sidecar, library, put, get } = await ratedPhoto(t);
  await put({ stars: 5 });
  await put({ pick: "reject" });
  const written = await readFile(sidecar, "utf8");
  await writeFile(sidecar, written.replace("<rdf:Description", '<rdf:Description xmlns:dc="urn:dc" dc:title="x"'));
  for (const stars of [5, 2]) {
    await scan({ library, files: [file], folders: [], model: redModel([]) });
    assert.deepEqual(shown(await get()), [200, stars, "reject"]);
    assert.equal((await put({ stars: 2 })).status, 200);
  }
  assert.deepEqual(shown(await put({ pick: "pick" })), [200, 2, "pick"]);
  assert.deepEqual(await readSidecar(sidecar), { rating: 2, pick: "pick", ours: false });
});

test("what is asked for under a condition that is not compared is not done", async (t) => {
  const { sidecar, put, remove } = await ratedPhoto(t);
  const refused = await put({ stars: 3 }, { "if-match": '"x"' });
  assert.deepEqual([refused.status, refused.body.error?.code], [412, "USAGE"]);
  await assert.rejects(readFile(sidecar), { code: "ENOENT" });
  const { body } = await put({ stars: 3 });
  assert.equal((await remove(body["change"], { "if-match": "*" })).status, 412);
  assert.equal((await remove(body["change"], { "content-type": "application/json" })).status, 200);
});

test("who has not seen what is there changes nothing, and is told what it is", async (t) => {
  const { file, sidecar, put, get } = await ratedPhoto(t);
  await elsewhere(file, 5);
  for (const stars of [0, 3]) {
    const stale = await put({ stars, was: { stars: 0 } });
    assert.deepEqual(shown(stale), [409, 5, "none"]);
    assert.equal(stale.body.error?.code, "IN_USE");
  }
  assert.deepEqual(await readSidecar(sidecar), { rating: 5, ours: false });
  assert.deepEqual(shown(await get()), [200, 5, "none"]);
  assert.deepEqual(shown(await put({ pick: "pick", was: { stars: 0, pick: "none" } })), [200, 5, "pick"]);
  assert.deepEqual(shown(await put({ stars: 5, was: { stars: 0 } })), [200, 5, "pick"]);
  assert.deepEqual(shown(await put({ stars: 3, was: { stars: 5 } })), [200, 3, "pick"]);
});

test("stars inside the photo are there too, until somebody takes them", async (t) => {
  const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>`;
  const { put } = await ratedPhoto(t, { xmp });
  assert.deepEqual(shown(await put({ stars: 2, was: { stars: 0 } })), [409, 4, "none"]);
  assert.deepEqual(shown(await put({ pick: "pick" })), [200, 4, "pick"]);
  assert.deepEqual(shown(await put({ stars: 0, was: { stars: 4 } })), [200, 0, "pick"]);
  assert.deepEqual(shown(await put({ pick: "none", was: { pick: "pick" } })), [200, 0, "none"]);
});

test("a rating of nothing is refused", async (t) => {
  const { put } = await ratedPhoto(t);
  for (const body of [{}, { was: { stars: 1 } }, { stars: 6 }, { stars: 1, was: { rating: 1 } }]) {
    const { status, body: answer } = await put(body);
    assert.deepEqual([status, answer.error?.code], [400, "USAGE"], JSON.stringify(body));
  }
});
