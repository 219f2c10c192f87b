/** The photos of a library over HTTP: by their ids alone. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { DEMO_MODEL, load, type Model } from "../../src/engine/index.js";
import { openBeside, openToWrite } from "../../src/library/open.js";
import { scan } from "../../src/library/scan/scan.js";
import { createServer } from "../../src/server/index.js";
import { redModel } from "../library/support.js";
import { ROOT } from "../support.js";
import { ask, form, listening, photo, post } from "./support.js";

const NAMES = ["abstract-dull", "landscape-good", "portrait-good"];

interface Listed {
  readonly photos: readonly {
    id: string;
    name: string;
    file: string;
    digest: string;
    score?: { score: number; percentile: number };
    seenBy?: readonly string[];
  }[];
  readonly next: string | null;
  readonly total: number | null;
}

let folder = "";
let model: Model;
let server: ReturnType<typeof createServer>;
let address = "";
const library = (): string => join(folder, "library.db");
before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "serve-library-")));
  model = await load(DEMO_MODEL);
  server = createServer({ model, library: library() });
  address = await server.listen({ host: "127.0.0.1", port: 0 });
});
after(async () => {
  await server.close();
  model.dispose();
  await rm(folder, { recursive: true });
});

const list = async (query = ""): Promise<Listed> => (await ask(address, `/v1/library/photos${query}`)).body as unknown as Listed; // prettier-ignore

test("a library that is not there yet is a 404, and is found once it is there", async () => {
  assert.equal((await ask(address, "/v1/library/photos")).status, 404);
  const files = NAMES.map((name) => join(folder, `${name}.jpg`));
  for (const [i, name] of NAMES.entries()) await copyFile(`${ROOT}examples/photos/${name}.jpg`, files[i] ?? "");
  await scan({ library: library(), files, folders: [folder], model });
  const { photos, next, total } = await list("?limit=2");
  assert.deepEqual([photos.length, total, typeof next], [2, 3, "string"]);
  const rest = await list(`?limit=2&cursor=${next}`);
  const scores = [...photos, ...rest.photos].map(({ score }) => score?.score ?? NaN);
  assert.deepEqual([scores, rest.next], [[...scores].sort((a, b) => b - a), null]);
});

test("a library that fails in the midst of a stream ends it, and the log says why", async (t) => {
  const file = join(folder, "failing.db");
  await scan({ library: file, files: [join(folder, `${NAMES[0]}.jpg`)], folders: [folder], model });
  const faults: Error[] = [];
  const failing = await listening(t, { model, library: file, onFault: (error) => void faults.push(error) });
  const response = await fetch(`${failing}/v1/library/scan`);
  const reader = response.body?.getReader() ?? assert.fail();
  assert.match(Buffer.from((await reader.read()).value ?? []).toString(), /"files":1/);
  const beside = await openBeside(file);
  beside.exec("ALTER TABLE scans RENAME TO gone");
  beside.close();
  await assert.rejects(reader.read());
  assert.match(faults.map(({ message }) => message).join(), /scans/);
});

test("a scan runs as long as somebody writes into the library", async () => {
  const file = join(folder, "running.db");
  await scan({ library: file, files: [join(folder, `${NAMES[0]}.jpg`)], folders: [folder], model });
  const held = await openToWrite(file);
  held.connection.exec("UPDATE scans SET ended = NULL");
  const watched = createServer({ model, library: file });
  const { body } = await fetch(`${await watched.listen({ host: "127.0.0.1", port: 0 })}/v1/library/scan`);
  const reader = body?.getReader() ?? assert.fail();
  const next = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
  assert.match(await next(), /"ended":null.*"running":true/);
  await held.close();
  assert.match(await next(), /"ended":null.*"running":false/);
  await reader.cancel();
  await watched.close();
});

test("conditions are the library's own, and a wrong one says where", async () => {
  const { photos } = await list(`?where=${encodeURIComponent("name ~ 'portrait'")}`);
  assert.deepEqual(photos.map(({ name }) => name), ["portrait-good.jpg"]); // prettier-ignore
  for (const query of [
    "?where=score%20>>%207",
    "?where=x'%20or%201=1--",
    "?cursor=nonsense",
    "?sort=f.id",
    "?limit=0",
    "?limit=100000",
    "?judge=nobody",
    "?unknown=1",
  ]) {
    const { status, body } = await ask(address, `/v1/library/photos${query}`);
    assert.deepEqual([status, body.error?.code], [400, "USAGE"], query);
  }
});

test("thumbnails and images are of the library's pictures, and cached by their content", async () => {
  const [{ id = "", digest = "" } = {}] = (await list()).photos;
  const thumbnail = await fetch(`${address}/v1/library/photos/${id}/thumbnail?size=64&v=${digest}`);
  const { format, width = 0, height = 0 } = await sharp(Buffer.from(await thumbnail.arrayBuffer())).metadata();
  assert.deepEqual(
    [format, Math.max(width, height), thumbnail.headers.get("content-type")],
    ["jpeg", 64, "image/jpeg"],
  );
  assert.match(thumbnail.headers.get("cache-control") ?? "", /immutable/);
  const again = await fetch(`${address}/v1/library/photos/${id}/thumbnail?size=64`, { headers: { "if-none-match": thumbnail.headers.get("etag") ?? "" } }); // prettier-ignore
  assert.equal(again.status, 304);
  const image = await fetch(`${address}/v1/library/photos/${id}/image`);
  assert.deepEqual(Buffer.from(await image.arrayBuffer()), await photo("portrait-good"));
});

test("ids that are paths, and photos that became something else, lead nowhere", async () => {
  for (const id of [
    "0",
    "-1",
    "1.5",
    "abc",
    "0x1",
    "1e0",
    "%201",
    "01",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%00",
    "1%00",
    "99999999999999999999",
  ]) {
    for (const part of ["", "/image", "/thumbnail"]) {
      const { status } = await ask(address, `/v1/library/photos/${id}${part}`);
      assert.equal(status, 404, id + part);
    }
  }
  assert.equal((await ask(address, "/v1/library/photos/999")).status, 404);
  const found = (await list()).photos.find(({ name }) => name === "abstract-dull.jpg") ?? assert.fail();
  await rm(found.file);
  assert.equal((await ask(address, `/v1/library/photos/${found.id}/image`)).status, 404);
  const kept = await fetch(`${address}/v1/library/photos/${found.id}/image?v=${found.digest ?? ""}`);
  assert.deepEqual([kept.status, kept.headers.get("cache-control")], [404, "no-store"]);
  await symlink("/etc/passwd", found.file);
  const swapped = await ask(address, `/v1/library/photos/${found.id}/image`);
  assert.deepEqual([swapped.status, swapped.body.error?.code], [415, "IMAGE_UNSUPPORTED"]);
  assert.doesNotMatch(JSON.stringify(swapped.body), /root:/);
});

test("pictures of the library are scored by their ids, and scores have their percentile", async () => {
  const [best = assert.fail()] = (await list()).photos;
  const { body } = await post(address, "/v1/score", { images: [best.id] });
  assert.equal(body.results?.[0]?.score, best.score?.score);
  const sent = await ask(address, "/v1/score", { method: "POST", body: form(["x.jpg", await photo("portrait-good")]) });
  const [result] = sent.body.results as unknown as { percentile: number }[];
  assert.equal(result?.percentile, best.score?.percentile);
});

test("a damaged photo has no thumbnail, and costs nobody anything else", async () => {
  const file = join(folder, "damaged.jpg");
  await writeFile(file, (await photo("portrait-good")).subarray(0, 200));
  await scan({ library: library(), files: [file], folders: [], model });
  const { photos } = await list(`?where=${encodeURIComponent("name ~ 'damaged'")}`);
  const { status, body } = await ask(address, `/v1/library/photos/${photos[0]?.id}/thumbnail`);
  assert.deepEqual([status, body.error?.code], [422, "IMAGE_BROKEN"]);
});

test("who listens to the progress of a scan does not keep a server from ending", async () => {
  const other = createServer({ model, library: library() });
  const there = await other.listen({ host: "127.0.0.1", port: 0 });
  const { body } = await fetch(`${there}/v1/library/scan`);
  const reader = body?.getReader();
  assert.match(Buffer.from((await reader?.read())?.value ?? []).toString(), /^data: \{/);
  const closed = other.close();
  while (!(await reader?.read())?.done);
  await closed;
});

test("a rating is taken back to the byte; one of another photo, or of a sidecar that was changed since, is not", async () => {
  const rate = (name: string, stars: number) => ask(address, `/v1/library/photos/${ids.get(name)}/rating`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ stars, pick: "none" }) }); // prettier-ignore
  const back = (name: string, change: unknown) => ask(address, `/v1/library/photos/${ids.get(name)}/rating?change=${String(change)}`, { method: "DELETE" }); // prettier-ignore
  const ids = new Map((await list()).photos.map(({ id, name }) => [name, id]));
  const [one, two] = [`${NAMES[0]}.jpg`, `${NAMES[1]}.jpg`];
  const sidecar = join(folder, `${NAMES[0]}.xmp`);
  // Most sidecars of the folder are called so.
  await writeFile(join(folder, "other.xmp"), "<x/>");
  const [first, second] = [await rate(one, 3), await rate(one, 5)];
  const written = await readFile(sidecar, "utf8");
  assert.equal((await back(two, second.body["change"])).status, 404);
  assert.equal((await back(one, second.body["change"])).body["stars"], 3);
  assert.equal((await back(one, second.body["change"])).status, 404, "once");
  await writeFile(sidecar, written.replace("5", "4"));
  assert.deepEqual(
    [(await back(one, first.body["change"])).status, (await readFile(sidecar, "utf8")).includes("4")],
    [409, true],
  );
  const last = await rate(one, 2);
  assert.equal((await back(one, last.body["change"])).status, 200);
  assert.equal(await readFile(sidecar, "utf8"), written.replace("5", "4"));
  await rm(sidecar);
  const made = await rate(one, 1);
  assert.equal((await back(one, made.body["change"])).status, 200);
  await assert.rejects(readFile(sidecar), { code: "ENOENT" });
});

test("what moves a photo's score: cells, the same a second time without being computed, and what is not there", async () => {
  const { photos } = await list("?limit=1");
  const id = photos[0]?.id ?? "";
  const first = await ask(address, `/v1/library/photos/${id}/explain`);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  const { score, columns, rows, values, width, height, of } = first.body as Record<string, number> & {
    values: number[];
  };
  assert.deepEqual([values?.length, of, first.body["id"]], [(columns ?? 0) * (rows ?? 0), null, id]);
  assert.ok(Math.abs((score ?? 0) - (photos[0]?.score?.score ?? NaN)) < 1e-5);
  assert.ok((width ?? 0) > 0 && (height ?? 0) > 0);
  Object.defineProperty(model, "explain", { value: () => assert.fail("it is kept"), configurable: true });
  const again = await ask(address, `/v1/library/photos/${id}/explain`);
  assert.deepEqual(again.body, first.body);
  Reflect.deleteProperty(model, "explain");
  const refused = async (path: string): Promise<number> => (await ask(address, path)).status;
  assert.equal(await refused(`/v1/library/photos/${id}/explain?of=light`), 400);
  assert.equal(await refused(`/v1/library/photos/${id}/explain?what=1`), 400);
  assert.equal(await refused("/v1/library/photos/999/explain"), 404);
  assert.equal(await refused("/v1/library/photos/..%2f1/explain"), 404);
});

test("a photo that other checkpoints alone have seen says which", async () => {
  const [seen] = (await list()).photos;
  const other = redModel([], { name: "red@1" });
  await scan({ library: library(), files: [seen?.file ?? ""], folders: [], model: other });
  const { photos } = await list("?judge=red@1");
  const unseen = photos.filter(({ score }) => score === undefined);
  assert.ok(unseen.length > 0 && photos.length > unseen.length);
  for (const { seenBy } of photos.slice(1, 3)) assert.deepEqual(seenBy, [model.name]);
});
