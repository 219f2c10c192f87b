/** Tastes over HTTP: learned, listed, refused, asked about two photos; and what an attacker sends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { byFirst, ratedLibrary } from "../library/taste/support.js";
import { redModel } from "../library/support.js";
import { ask, form, listening, photo, post } from "./support.js";

interface Listed {
  readonly photos: readonly {
    readonly id: string;
    readonly taste?: { readonly name: string; readonly score: number };
  }[];
}

test("a taste is learned of stars, orders photos page by page, and is no other checkpoint's", async (t) => {
  const library = await ratedLibrary(t, 60, byFirst);
  const address = await listening(t, { model: redModel([]), library });
  assert.deepEqual((await ask(address, "/v1/library/tastes")).body, { tastes: [], answers: 0 });
  const learned = await post(address, "/v1/library/tastes", { name: "mine", from: "stars" });
  assert.deepEqual([learned.status, learned.body["kept"], learned.body["ratings"]], [200, true, 60]);
  const { tastes } = (await ask(address, "/v1/library/tastes")).body as unknown as { tastes: { name: string; judgeName: string }[] }; // prettier-ignore
  assert.deepEqual(tastes.map(({ name, judgeName }) => [name, judgeName]), [["mine", "second@22222222"]]); // prettier-ignore
  const { photos } = (await ask(address, "/v1/library/photos?taste=mine&limit=20")).body as unknown as Listed;
  const said = photos.map(({ taste }) => taste?.score ?? NaN);
  assert.deepEqual(
    said,
    said.toSorted((a, b) => b - a),
  );
  const one = await ask(address, `/v1/library/photos/${photos[0]?.id}?taste=mine`);
  assert.deepEqual(one.body["taste"], photos[0]?.taste);
  const other = await ask(address, "/v1/library/photos?taste=mine&judge=first");
  assert.deepEqual([other.status, other.body.error?.code], [400, "USAGE"]);
  const score = await ask(address, "/v1/score?taste=mine", { method: "POST", body: form(["a.jpg", await photo("abstract-dull")]) }); // prettier-ignore
  assert.equal(score.status, 400);
  assert.match(score.body.error?.message ?? "", /learned on vectors of second@22222222, and says nothing of those of red@12345678/); // prettier-ignore
});

test("two photos are asked about; an answer is kept and taken back", async (t) => {
  const address = await listening(t, { model: redModel([]), library: await ratedLibrary(t, 30, byFirst) });
  const next = await ask(address, "/v1/library/pairs/next");
  const [a, b] = (next.body as unknown as Listed).photos;
  assert.ok(a && b && a.id !== b.id);
  const kept = await post(address, "/v1/library/pairs", { better: a.id, worse: b.id });
  assert.deepEqual([kept.status, kept.body["answers"]], [200, 1]);
  const taken = await ask(address, `/v1/library/pairs/${String(kept.body["id"])}`, { method: "DELETE" });
  assert.deepEqual([taken.status, taken.body["answers"]], [200, 0]);
  assert.equal((await ask(address, `/v1/library/pairs/${String(kept.body["id"])}`, { method: "DELETE" })).status, 404);
  const few = await post(address, "/v1/library/tastes", { name: "mine" });
  assert.deepEqual([few.status, few.body["kept"]], [200, false]);
  assert.match(String(few.body["why"]), /There are 0 answered pairs and at least 10 are needed/);
});

test("names with SQL, unknown names and ids that are none change nothing and say so", async (t) => {
  const library = await ratedLibrary(t, 30, byFirst);
  const address = await listening(t, { model: redModel([]), library });
  const attacks = ["'; DROP TABLE tastes; --", '" OR 1=1 --', "mine' UNION SELECT * FROM judges --", "..%2f..%2fetc", "unknown"]; // prettier-ignore
  for (const name of attacks) {
    const query = new URLSearchParams({ taste: name }).toString();
    for (const path of [`/v1/library/photos?${query}`, `/v1/library/photos/1?${query}`]) {
      const { status, body } = await ask(address, path);
      assert.deepEqual([status, body.error?.code], [404, "FILE_NOT_FOUND"], path);
      assert.ok(!JSON.stringify(body).includes(library.slice(0, -"library.db".length)), "no folder is told");
    }
    const scored = await ask(address, `/v1/score?${query}`, { method: "POST", body: form(["a.jpg", await photo("abstract-dull")]) }); // prettier-ignore
    assert.equal(scored.status, 404);
  }
  for (const body of [{ better: "1", worse: "1" }, { better: "1", worse: "999999" }]) assert.equal((await post(address, "/v1/library/pairs", body)).status, 404); // prettier-ignore
  for (const body of [{}, { better: 1, worse: 2 }, { better: "1 OR 1", worse: "2" }, { better: "-1", worse: "2" }]) assert.equal((await post(address, "/v1/library/pairs", body)).status, 400); // prettier-ignore
  for (const body of [{ name: "" }, { name: "x".repeat(65) }, { name: "a", from: "dreams" }, { name: "a\n" }, { name: "a", file: "/etc/passwd" }]) assert.equal((await post(address, "/v1/library/tastes", body)).status, 400); // prettier-ignore
  assert.equal((await ask(address, "/v1/library/pairs/1%20OR%201", { method: "DELETE" })).status, 404);
  assert.equal((await ask(address, `/v1/library/photos?taste=${"x".repeat(65)}`)).status, 400);
  assert.equal((await ask(await listening(t, { model: redModel([]) }), "/v1/library/tastes")).status, 404);
  assert.deepEqual((await ask(address, "/v1/library/tastes")).body, { tastes: [], answers: 0 });
});
