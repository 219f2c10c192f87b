/** `compare` of photos through the whole command line: table, JSON, gallery, and what is refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compareCommand } from "../../src/cli/eval/compare.js";
import { comparedSchema } from "../../src/server/schemas.js";
import type { ScoreResult } from "../../src/engine/index.js";
import { failureFor, fakeEngine, folderWith, resultFor, runCommand, type Asked } from "./support.js";

type Answer = Parameters<typeof fakeEngine>[0];

/** A score of its own for each letter that a file begins with, a above b above c. */
const byLetter: Answer = (file) => {
  const shares = { a: [0, 0.2, 0.8], b: [0.2, 0.6, 0.2], c: [0.9, 0.1, 0] }[file.split("/").at(-1)?.[0] ?? ""];
  return { ...resultFor(file, 5), distribution: shares ?? [1, 1, 1] };
};

function compared(args: readonly string[], answer: Answer = byLetter) {
  const asked: Asked = { disposed: false };
  return runCommand(
    ["compare", ...args],
    { compare: () => Promise.resolve(compareCommand) },
    {
      engine: () => Promise.resolve(fakeEngine(answer, asked)),
    },
  );
}

test("photos: a row each, best first, with chances against every other one", async (t) => {
  const folder = folderWith(t, { "b.jpg": "", "a.jpg": "", "c.jpg": "" });
  const [a, b, c] = ["a", "b", "c"].map((name) => join(folder, `${name}.jpg`)) as [string, string, string];
  const { code, stdout } = await compared([b, a, c]);
  assert.equal(code, 0);
  const rows = stdout.split("\n");
  assert.match(rows[0] ?? "", /photo .* score .* best worst +>1 +>2 +>3$/);
  // By hand: a above b in 0.2 (0.2 + 0.3) + 0.8 (0.8 + 0.1), b above c in 0.2 · 0.45 + 0.6 (0.9 + 0.05) + 0.2.
  assert.match(rows[1] ?? "", /^1 .*a\.jpg .* 5\.00 ± 1\.25 .* - +82% +99%$/);
  assert.match(rows[2] ?? "", /^2 .*b\.jpg .* 18% +- +86%$/);
  const json = JSON.parse((await compared([folder, "--json"])).stdout) as Record<string, number[]> & {
    results: ScoreResult[];
  };
  assert.deepEqual([json["order"], json["by"]], [[0, 1, 2], "distributions"]);
  assert.deepEqual(
    json.results.map(({ file }) => file),
    [a, b, c],
  );
  for (const chances of [json["best"], json["worst"]])
    assert.ok(Math.abs((chances ?? []).reduce((sum, chance) => sum + chance, 0) - 1) < 1e-12);
});

test("what is no distribution is said, and a photo without a score ends it", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "" });
  const spread = await compared([folder], (file, i) => ({ ...resultFor(file, 5 + i), distribution: null }));
  assert.match(spread.stderr, /note: the checkpoint gives no distribution/);
  const alone = await compared([folder], (file, i) => ({ ...resultFor(file, 5 + i), distribution: null, std: null }));
  assert.match(alone.stderr, /note: the checkpoint gives neither/);
  assert.match(alone.stdout, /^1 .*b\.jpg .* 6\.00 +- +- +- +-$/m);
  const page = join(folder, "page.html");
  const bare: Answer = (file, i) => ({ ...resultFor(file, 5 + i), distribution: null, std: null });
  const json = JSON.parse((await compared([folder, "--json", "--html", page], bare)).stdout) as Record<string, unknown>;
  const { order, best, worst, wins } = json;
  assert.deepEqual({ order, best, worst, wins }, { order: [1, 0], best: null, worst: null, wins: null });
  assert.ok(comparedSchema.safeParse(json).success);
  assert.match(readFileSync(page, "utf8"), /by the score alone/);
  const broken = await compared([folder], (file, i) => (i === 0 ? resultFor(file, 5) : failureFor(file)));
  assert.equal(broken.code, 3);
  assert.match(broken.stderr, /b\.jpg: not an image/);
});

test("too few, too many, and options of the other kind are refused", async (t) => {
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.jpg`, ""]));
  const folder = folderWith(t, { ...many, "one/a.jpg": "", "empty/summary.json": "{}" });
  const refused = async (args: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr } = await compared(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
  };
  await refused([folder], /10 pictures: give 2 to 8 to compare/);
  await refused([join(folder, "one")], /1 picture: give 2 to 8 to compare\.$/m);
  await refused(
    [join(folder, "empty"), join(folder, "0.jpg")],
    /1 picture: give 2 to 8 photos.*two folders that roc4mllm eval wrote/,
  );
  await refused([join(folder, "0.jpg"), join(folder, "1.jpg"), "--seed", "3"], /--seed says how evaluations are/);
  await refused([folder, folder, "--model", "demo"], /--model says how photos are compared, and these are evaluations/);
  // Two folders are evaluations, as they always were.
  assert.match(
    (await compared([folder, folder])).stderr,
    /has no predictions\.csv or \.parquet.* Photos to compare are given in one folder, or file by file/,
  );
});

test("--allow-damaged compares what is left of a photo, and says so", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "" });
  const asked: Asked = { disposed: false };
  const damaged = "at least 26% of its data is lost";
  const engine = fakeEngine((file, i) => ({ ...resultFor(file, 5), ...(i === 0 && { damaged }) }), asked);
  const commands = { compare: () => Promise.resolve(compareCommand) };
  const run = (...args: string[]) => runCommand(["compare", folder, ...args], commands, { engine: () => Promise.resolve(engine) }); // prettier-ignore
  const { stderr } = await run("--allow-damaged");
  assert.equal(asked.options?.allowDamaged, true);
  assert.match(stderr, /a\.jpg: damaged: at least 26% of its data is lost/);
  const json = JSON.parse((await run("--json", "--allow-damaged")).stdout) as { results: { damaged?: string }[] };
  assert.deepEqual(
    json.results.map((result) => result.damaged),
    [damaged, undefined],
  );
  await run();
  assert.equal(asked.options.allowDamaged, undefined);
});

test("--html writes a gallery with the chances", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "" });
  const file = join(folder, "page.html");
  const { code, stderr } = await compared([folder, "--html", file]);
  assert.equal(code, 0, stderr);
  const page = readFileSync(file, "utf8");
  assert.match(page, /best of these 82%, worst 18%/);
  assert.ok(page.indexOf("<h3>a.jpg") < page.indexOf("<h3>b.jpg"));
});

test("--ask is of models that write answers, and of photos", async (t) => {
  const folder = folderWith(t, { "a.jpg": "", "b.jpg": "" });
  const { code, stderr } = await compared([folder, "--ask", "Which is better?"]);
  assert.equal(code, 2);
  assert.match(stderr, /this model writes no answers; compare by its scores alone/);
  assert.match((await compared([folder, folder, "--ask", "Which?"])).stderr, /--ask says how photos are compared/);
});
