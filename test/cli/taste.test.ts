/** `taste`, `library list --taste` and `score --taste`: from a person's stars to photos in their order. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { cullCommand } from "../../src/cli/library/cull.js";
import { libraryCommand } from "../../src/cli/library/library.js";
import { tasteCommand } from "../../src/cli/library/taste.js";
import { scoreCommand } from "../../src/cli/score/score.js";
import { openBeside } from "../../src/library/open.js";
import { picture, redModel, tempFolder } from "../library/support.js";
import { jsonLines, runCommand, type Ran } from "./support.js";

const COMMANDS = {
  cull: () => Promise.resolve(cullCommand),
  library: () => Promise.resolve(libraryCommand),
  taste: () => Promise.resolve(tasteCommand),
  score: () => Promise.resolve(scoreCommand),
};

test("learn, list, show, use and forget; what is refused has its figures and exit code 7", async (t) => {
  const root = await tempFolder(t);
  const library = join(root, "library.db");
  const files = await Promise.all(Array.from({ length: 30 }, (_, i) => picture(join(root, `photos/${String(i).padStart(2, "0")}.png`), 8 * i))); // prettier-ignore
  let model = redModel([]);
  const run = (...argv: string[]): Promise<Omit<Ran, "asked">> =>
    runCommand([...argv, "--library", library], COMMANDS, { engine: () => Promise.resolve({ load: () => Promise.resolve(model) }) }); // prettier-ignore
  assert.equal((await run("library", "scan", join(root, "photos"))).code, 0);
  const none = await run("taste", "learn");
  assert.equal(none.code, 7);
  assert.match(none.stderr, /There are 0 photos with a person's stars/);
  assert.equal(none.stdout, "");
  assert.match((await run("taste", "list")).stderr, /There are no tastes/);

  const connection = await openBeside(library);
  const set = (sql: string): void => connection.write(() => void connection.run(`UPDATE pictures SET hash = id * 72340172838076673, rating = ${sql}`)); // prettier-ignore
  // The model likes red; this person does not.
  set("(SELECT min(5, max(1, 6 - cast(score / 4.2 as integer))) FROM scores WHERE picture = pictures.id)");
  const learned = await run("taste", "learn", "no red");
  assert.deepEqual([learned.code, learned.stderr], [0, ""]);
  assert.match(learned.stdout, /^no red: learned of 30 ratings\. SRCC with the stars, .*: -\d\.\d\d by the base, 0\.9\d by the taste/); // prettier-ignore
  assert.match((await run("taste", "list")).stdout, /^no red {2}30 from stars, SRCC -\d\.\d\d to 0\.9\d, .* on red@12345678\n$/); // prettier-ignore
  const [shown] = jsonLines((await run("taste", "show", "no red", "--json")).stdout) as Record<string, unknown>[];
  assert.deepEqual([shown?.["name"], shown?.["ratings"], shown?.["numbers"]], ["no red", 30, 3]);

  const listed = await run("library", "list", "--taste", "no red", "--limit", "2");
  assert.match(listed.stdout, /00\.png +0\.0 .*\n.*01\.png +0\.8 /);
  assert.match(listed.stderr, /Behind the bar: what the taste no red says, on the same scale/);
  const scored = await run("score", files[20] ?? "", files[2] ?? "", "--taste", "no red", "--sort", "--json");
  const [first, second] = jsonLines(scored.stdout) as { file: string; score: number; taste: { name: string; score: number }; embedding?: unknown }[]; // prettier-ignore
  assert.deepEqual([first?.file, first?.taste.name, first?.embedding], [files[2], "no red", undefined]);
  assert.ok(first && second && first.taste.score > second.taste.score && first.score < second.score);

  const photos = join(root, "photos");
  const culled = await run("cull", photos, "--taste", "no red", "--json", "--dry-run");
  assert.deepEqual([culled.code, culled.stderr.includes("note")], [0, false], culled.stderr);
  const plan = JSON.parse(culled.stdout) as { taste: string; photos: { file: string; score: number; std: unknown; rating?: number }[] }; // prettier-ignore
  assert.equal(plan.taste, "no red");
  const best = plan.photos.toSorted((a, b) => b.score - a.score)[0];
  assert.deepEqual([best?.file, best?.rating, best?.std], [files[0], 5, null], "the model alone takes the last one");
  assert.match((await run("cull", photos, "--taste", "no red", "--dry-run")).stdout, /30 photos by the taste no red on red@12345678; /); // prettier-ignore
  const among = await run("cull", photos, "--taste", "no red", "--among", "library", "--json", "--dry-run");
  assert.deepEqual(JSON.parse(among.stdout), plan);
  assert.equal((await run("cull", photos, "--taste", "no red", "--first", "laion-v2")).code, 2);
  assert.equal((await run("cull", photos, "--taste", "another")).code, 3);
  for (const table of ["vectors", "tasted"]) connection.write(() => void connection.run(`DELETE FROM ${table} WHERE picture = 3`)); // prettier-ignore
  const vectors = (): unknown => connection.value("SELECT count(*) FROM vectors");
  assert.match((await run("library", "scan", photos)).stderr, /30 unchanged/);
  assert.equal(vectors(), 29);
  assert.equal((await run("library", "scan", photos, "--add-vectors", "--no-vectors")).code, 2);
  // What has no vector is scored again for a taste, and by --add-vectors.
  assert.deepEqual(JSON.parse((await run("cull", photos, "--taste", "no red", "--json", "--dry-run")).stdout), plan);
  assert.equal(vectors(), 30);
  connection.write(() => void connection.run("DELETE FROM vectors WHERE picture > 10"));
  assert.equal((await run("library", "scan", photos, "--add-vectors")).code, 0);
  assert.equal(vectors(), 30);

  set("1 + id * 7919 % 5");
  const refused = await run("taste", "learn", "no red", "--json");
  assert.equal(refused.code, 7);
  const [said] = jsonLines(refused.stdout) as { kept: boolean; why: string }[];
  assert.equal(said?.kept, false);
  assert.match(said.why, /lower end must be above 0/);
  connection.close();
  model = redModel([], { name: "other@99999999", digest: "2".repeat(64) });
  const other = await run("score", files[0] ?? "", "--taste", "no red");
  assert.equal((await run("cull", photos, "--taste", "no red", "--dry-run")).code, 2);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /"no red" was learned on vectors of red@12345678, and says nothing of those of other@99999999/); // prettier-ignore
  assert.equal((await run("score", files[0] ?? "", "--taste", "x'; --")).code, 3);
  assert.equal((await run("score", files[0] ?? "", "--taste", "no red", "--resume", join(root, "saved"))).code, 2);
  assert.equal((await run("taste", "forget", "no red")).code, 0);
  assert.equal((await run("taste", "show", "no red")).code, 3);
});
