/** What people do to their photos while the server runs: each fault has a status and words, and costs nothing else. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DEMO_MODEL, load, type Model } from "../../src/engine/index.js";
import { scan } from "../../src/library/scan/scan.js";
import { createServer } from "../../src/server/index.js";
import { ROOT } from "../support.js";
import { ask, form, listening, photo, post, type Answer } from "./support.js";

/** A name that leaves no room for that of a sidecar. */
const LONG = "x".repeat(255);
const NAMES = ["gone", "pipe", "folder", "noted", "good", "broken", LONG];

let folder = "";
let model: Model;
let server: ReturnType<typeof createServer>;
let address = "";
const ids = new Map<string, string>();
const file = (name: string): string => join(folder, name, name === LONG ? name : `${name}.jpg`);
before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "serve-disk-")));
  model = await load(DEMO_MODEL);
  for (const name of NAMES) {
    await mkdir(join(folder, name));
    await copyFile(`${ROOT}examples/photos/portrait-good.jpg`, file(name));
  }
  await writeFile(file("broken"), (await photo("portrait-good")).subarray(0, 500));
  const library = join(folder, "library.db");
  await scan({ library, files: NAMES.map(file), folders: [folder], model });
  server = createServer({ model, library });
  address = await server.listen({ host: "127.0.0.1", port: 0 });
  const { body } = await ask(address, "/v1/library/photos");
  for (const { id, name } of body["photos"] as { id: string; name: string }[]) ids.set(name.replace(/\.jpg$/, ""), id);
});
after(async () => {
  await server.close();
  model.dispose();
  await rm(folder, { recursive: true });
});

const idOf = (name: string): string => ids.get(name) ?? assert.fail(name);
const rate = (name: string): Promise<Answer> =>
  ask(address, `/v1/library/photos/${idOf(name)}/rating`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ stars: 4, pick: "pick" }),
  });
/** Status, code, and whether the words name no folder. */
const told = ({ status, body }: Answer): unknown => [
  status,
  body.error?.code,
  JSON.stringify(body.error).includes(folder),
];

test("a photo that is gone gets no sidecar, and its folder is not made again", async () => {
  await rm(file("gone"));
  assert.deepEqual(told(await rate("gone")), [404, "FILE_NOT_FOUND", false]);
  assert.deepEqual(await readdir(join(folder, "gone")), []);
  await rm(join(folder, "gone"), { recursive: true });
  assert.deepEqual(told(await rate("gone")), [404, "FILE_NOT_FOUND", false]);
  await assert.rejects(stat(join(folder, "gone")), { code: "ENOENT" });
});

test("a pipe or a folder in a photo's place is refused at once, with words", { timeout: 60_000 }, async () => {
  for (const name of ["pipe", "folder"]) await rm(file(name));
  if (process.platform !== "win32") execFileSync("mkfifo", [file("pipe")]);
  else await mkdir(file("pipe"));
  await mkdir(file("folder"));
  for (const name of ["pipe", "folder"]) {
    for (const part of ["image", "thumbnail?size=64"]) {
      const answer = await ask(address, `/v1/library/photos/${idOf(name)}/${part}`);
      assert.deepEqual(told(answer), [409, "FILE_UNREADABLE", false], `${name} ${part}`);
    }
    assert.deepEqual(told(await post(address, "/v1/score", { images: [idOf(name)] })), [409, "FILE_UNREADABLE", false]);
    assert.deepEqual(told(await rate(name)), [404, "FILE_NOT_FOUND", false]);
  }
});

test("a rating beside a sidecar that is none, or cannot be replaced, says so", async () => {
  await writeFile(`${file("noted")}.xmp`, "<broken");
  assert.deepEqual(told(await rate("noted")), [422, "DATA_INVALID", false]);
  await rm(`${file("noted")}.xmp`);
  await mkdir(`${file("noted")}.xmp`);
  assert.deepEqual(told(await rate("noted")), [409, "FILE_UNREADABLE", false]);
});

test("a rating that cannot be written is a fault of the disk, and no other of the server", async () => {
  const answer = await rate(LONG);
  assert.deepEqual(told(answer), [409, "FILE_UNWRITABLE", false]);
  const { body } = await ask(address, `/v1/library/photos/${idOf(LONG)}`);
  assert.equal(body["stars"], undefined);
});

test("an id of no photo has its failure in its place, and the others their scores", async () => {
  const { status, body } = await post(address, "/v1/score", { images: [idOf("good"), "777"] });
  const [good, none] = body.results ?? [];
  assert.deepEqual(
    [status, typeof good?.score, none?.file, none?.error?.code],
    [200, "number", "777", "FILE_NOT_FOUND"],
  );
  assert.deepEqual(told(await post(address, "/v1/score", { images: ["777"] })), [404, "FILE_NOT_FOUND", false]);
  assert.equal((await post(address, "/v1/compare", { images: [idOf("good"), "777"] })).status, 404);
});

test("messages are of requests: no folder, no option of a command", async () => {
  const judge = await ask(address, "/v1/library/photos?judge=9");
  assert.deepEqual(told(judge), [400, "USAGE", false]);
  const { body } = await ask(address, `/v1/library/photos?where=${encodeURIComponent("score >> 7")}`);
  assert.match(body.error?.message ?? "", /^where, column 8/);
  const failed = await ask(address, `/v1/library/photos/${idOf("broken")}`);
  assert.match(failed.body.error?.message ?? "", /^broken.jpg: [^/]*$/);
  const broken = (await photo("portrait-good")).subarray(0, 500);
  const score = await ask(address, "/v1/score", { method: "POST", body: form(["x.jpg", broken]) });
  assert.match(score.body.error?.message ?? "", /copy it again/);
  assert.doesNotMatch(`${score.body.error?.message} ${failed.body.error?.message}`, /--/);
});

test("a file that is no library costs no score", async (t) => {
  const library = join(folder, "no-library.db");
  await writeFile(library, "nothing of the kind");
  const other = await listening(t, { model, library });
  const sent = await ask(other, "/v1/score", { method: "POST", body: form(["x.jpg", await photo("portrait-good")]) });
  assert.equal(sent.status, 200);
  assert.deepEqual(told(await ask(other, "/v1/library/photos")), [422, "DATA_INVALID", false]);
});

test("what of a form or a body is too much has its own words", async () => {
  const files = Array.from({ length: 33 }, (_, i) => [`${i}.jpg`, Buffer.of(1)] as const);
  const many = await ask(address, "/v1/score", { method: "POST", body: form(...files) });
  assert.equal(many.status, 413);
  assert.match(many.body.error?.message ?? "", /more pictures than/);
  const packed = await post(address, "/v1/score", { images: [] }, { "content-encoding": "gzip" });
  assert.deepEqual([packed.status, packed.body.error?.code], [415, "USAGE"]);
  const type = `multipart/form-data; boundary=${"x".repeat(300)}`;
  const long = await post(address, "/v1/score", "--", { "content-type": type });
  assert.deepEqual([long.status, /boundary/.test(long.body.error?.message ?? "")], [400, true]);
});
