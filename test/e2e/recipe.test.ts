/** The recipe of docs/data.md as it is there: its files, its commands, from a CSV to a score of 0 to 100. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { saveCheckpoint } from "../../src/engine/index.js";
import { createBase } from "../../src/studies/claims/base.js";
import { ROOT } from "../support.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
/** A LLaVA of a hundred thousand weights instead of the one that the recipe names: without score tokens, as that. */
const TINY = {
  ...({ family: "llava", imageSize: 28, patch: 14, visionWidth: 16, visionLayers: 1, visionHeads: 2 } as const),
  ...{ textWidth: 32, textLayers: 1, textHeads: 2, vocabulary: 600 },
};

let folder = "";
let page = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-recipe-"));
  page = await readFile(join(ROOT, "docs", "data.md"), "utf8");
  const templates = { prompts: ["<image>\nRate it."], answers: ["{overall}"] };
  const texts = { templates, texts: ["The photo has points: light, composition, colour."] };
  const { parts } = await createBase(join(folder, "tokenizer"), TINY, 1, texts);
  await saveCheckpoint(join(folder, "base"), parts);
  parts.model.dispose();
});
after(() => rm(folder, { recursive: true, force: true }));

function block(after: string): string {
  const [, , text] = page.split(after)[1]?.match(/```(\w+)\n([^]*?)```/) ?? [];
  return text ?? assert.fail(`docs/data.md has no block behind ${after}`);
}

/** Runs `roc4mllm ...` in the folder of the recipe. */
function run(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...args] = line.split(" ");
  assert.equal(program, "roc4mllm");
  // The checkpoint cannot be fetched where tests run.
  if (args.includes("my-run.yaml")) args.push("--set", "model=base");
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test("my CSV, 0 to 100, three attributes and comments: every command of the recipe", async (t) => {
  for (const name of ["my-photos/labels.csv", "my-photos/dataset.json", "my-run.yaml"]) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), block(`<!-- file: ${name} -->`));
  }
  const rows = block("<!-- file: my-photos/labels.csv -->").trim().split("\n").slice(1);
  const photos = (await readdir(join(ROOT, "examples", "photos"))).filter((name) => name.endsWith(".jpg")).sort();
  await mkdir(join(folder, "my-photos", "images"));
  for (const [i, row] of rows.entries()) {
    const from = join(ROOT, "examples", "photos", photos[i] ?? assert.fail("more rows than photos"));
    await copyFile(from, join(folder, "my-photos", "images", row.split(",")[0] ?? ""));
  }
  const commands = block("<!-- commands -->").trim().split("\n");
  assert.equal(commands.length, 5);
  const results = new Map<string, Awaited<ReturnType<typeof run>>>();
  for (const command of commands) {
    const result = await run(command);
    assert.equal(result.code, 0, `${command}\n${result.stdout}\n${result.stderr}`);
    results.set(command, result);
  }
  const [check, plan, , score, evaluation] = commands.map((command) => results.get(command));
  await t.test("the doctor finds nothing, the plan leaves no label out", () => {
    assert.match(check?.stdout ?? "", /No problem found/);
    assert.match(plan?.stdout ?? "", /pictures +4 to train on, 1 to validate\n/);
    assert.doesNotMatch(plan?.stderr ?? "", /not trained/);
  });
  await t.test("scores are on the scale 0 to 100, of every attribute too", () => {
    const result = JSON.parse(score?.stdout ?? "") as {
      score: number;
      scale: object;
      attributes: Record<string, number>;
    };
    assert.deepEqual(result.scale, { min: 0, max: 100 });
    assert.deepEqual(Object.keys(result.attributes).sort(), ["colour", "composition", "light"]);
    for (const value of [result.score, ...Object.values(result.attributes)]) assert.ok(value >= 0 && value <= 100);
    // Ten to a token: a model that knows nothing scores about the middle.
    assert.ok(result.score > 20 && result.score < 80, `${result.score}`);
  });
  await t.test("the evaluation is on that scale", () => {
    assert.match(evaluation?.stdout ?? "", /My photos, 0 to 100: 1 of 1 pictures/);
  });
});
