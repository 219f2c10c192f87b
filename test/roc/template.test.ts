import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import {
  DEFAULT_TEMPLATES,
  fillAnswer,
  loadTemplates,
  parseTemplates,
  renderAnswer,
  saveTemplates,
  scoreName,
  TEMPLATES_FILE,
} from "../../src/roc/index.js";

const folder = mkdtempSync(join(tmpdir(), "roc-template-"));
after(() => rmSync(folder, { recursive: true }));

const failure =
  (code: ErrorCode, message: RegExp) =>
  (error: unknown): boolean =>
    isRocError(error) && error.code === code && message.test(error.message);

test("an answer is rendered with T_p and filled with numbers in reading order", () => {
  const answer = "Color {color}, light {good_light}: {overall}.";
  assert.deepEqual(renderAnswer(answer), {
    text: "Color [SCORE], light [SCORE]: [SCORE].",
    scoreNames: ["color", "good_light", "overall"],
  });
  assert.equal(fillAnswer(answer, [1, 2.345, 10]), "Color 1.00, light 2.35: 10.00.");
  assert.equal(fillAnswer(answer, [1, 2.345, 10], 0), "Color 1, light 2: 10.");
});

test("the default is the released code's", () => {
  assert.equal(DEFAULT_TEMPLATES.prompts[0], "<image>\nCould you evaluate the aesthetics of this image?");
  assert.equal(
    renderAnswer(DEFAULT_TEMPLATES.answers[0] as string).text,
    "The aesthetic rate of the image is [SCORE]. ",
  );
});

test("templates read back as written, and nothing else is left in the folder", async () => {
  assert.equal(await loadTemplates(folder), undefined);
  await saveTemplates(folder, { prompts: ["<image> a?"], answers: ["{a} {b}", "{b} {a}"] });
  await saveTemplates(folder, DEFAULT_TEMPLATES);
  assert.deepEqual(await loadTemplates(folder), DEFAULT_TEMPLATES);
  assert.deepEqual(readdirSync(folder), [TEMPLATES_FILE]);
  assert.ok(readFileSync(join(folder, TEMPLATES_FILE), "utf8").endsWith("}\n"));
});

test("a file that is not as it should be is an error that names file and field", async () => {
  const bad = (change: object, message: RegExp): void =>
    assert.throws(
      () => parseTemplates({ ...DEFAULT_TEMPLATES, ...change }, "f.json"),
      failure("CONFIG_INVALID", message),
    );
  bad({ prompts: [] }, /^f\.json: prompts: /);
  bad({ prompts: ["<image>", "no picture"] }, /^f\.json: prompts\.1: must hold <image> exactly once/);
  bad({ prompts: ["<image><image>"] }, /^f\.json: prompts\.0: must hold <image> exactly once/);
  bad({ answers: ["It is good."] }, /^f\.json: answers\.0: must hold a placeholder/);
  bad({ answers: ["It is {a} and {a}."] }, /^f\.json: answers\.0: names a score twice/);
  bad({ answers: ["{comment} {comment} {a}"] }, /^f\.json: answers\.0: holds \{comment\} twice/);
  parseTemplates({ prompts: ["<image>"], answers: ["It is {rule-of-thirds} {a} {}"] }, "f.json");
  bad({ answers: ["It is [SCORE]: {a}"] }, /^f\.json: answers\.0: must not hold \[SCORE\]/);
  bad(
    { answers: ["{a}", "{b}"] },
    /^f\.json: answers: every answer must hold the first placeholder of the first answer/,
  );
  bad({ answers: 3 }, /^f\.json: answers: /);
  bad(
    { prompts: [`<image>${"a ".repeat(5000)}`] },
    /^f\.json: prompts\.0: Too big: 10007 characters, where 10000 are the most/,
  );

  const broken = join(folder, "broken");
  mkdirSync(broken);
  writeFileSync(join(broken, TEMPLATES_FILE), "{");
  await assert.rejects(loadTemplates(broken), failure("CONFIG_INVALID", /roc_templates\.json is not JSON/));
});

test("the score's placeholder is overall, wherever it stands in the first answer, else the first one", () => {
  assert.equal(scoreName({ answers: ["{light}, {overall}", "{overall}"] }), "overall");
  assert.equal(scoreName({ answers: ["{light}, {color}", "{overall}, {light}"] }), "light");
  const parse =
    (...answers: string[]) =>
    () =>
      parseTemplates({ prompts: ["<image>"], answers }, "f.json");
  parse("{light}, {overall}", "It is {overall}.")();
  assert.throws(parse("{light}, {overall}", "It is {light}."), {
    code: "CONFIG_INVALID",
    message: /every answer must hold .*\{overall\} where that holds it/,
  });
});
