/** Options that are numbers: every one of every command refuses what is none, with one form of message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError, type Command, type Option } from "commander";
import { dataCommand } from "../../src/cli/data/data.js";
import { studioCommand } from "../../src/cli/data/studio.js";
import { compareCommand } from "../../src/cli/eval/compare.js";
import { evalCommand } from "../../src/cli/eval/eval.js";
import { inspectGenerateCommand } from "../../src/cli/inspect/model.js";
import { isRocError } from "../../src/errors.js";
import { scoreCommand } from "../../src/cli/score/score.js";
import type { Context } from "../../src/cli/shared/io.js";
import { number, numbersOf, parseScale, whole } from "../../src/cli/shared/numbers.js";
import { experimentCommand } from "../../src/cli/studies/experiment.js";
import { reproduceCommand } from "../../src/cli/studies/reproduce.js";
import { trainDemoCommand } from "../../src/cli/studies/train-demo.js";
import { torchrunCommand } from "../../src/cli/train/torchrun.js";
import { trainCommand } from "../../src/cli/train/train.js";

/** No command runs here. */
const CONTEXT = { io: { env: {} } } as unknown as Context;

const COMMANDS = [
  ...[scoreCommand, evalCommand, compareCommand, trainCommand, trainDemoCommand, reproduceCommand, experimentCommand],
  ...[dataCommand, studioCommand, torchrunCommand, inspectGenerateCommand],
].map((create) => create(CONTEXT));

function optionsOf(command: Command): Option[] {
  return [...command.options, ...command.commands.flatMap(optionsOf)];
}

/** What an option makes of a text, or why it refuses it. */
function parsed(option: Option, text: string): unknown {
  try {
    return option.parseArg?.(text, option.defaultValue);
  } catch (error) {
    const isRefusal = error instanceof InvalidArgumentError || (isRocError(error) && error.code === "USAGE");
    assert.ok(isRefusal, `${option.flags}: ${String(error)}`);
    return error;
  }
}

/** Those that are one number. `studio write --seed` takes words too. */
const NUMBERS = COMMANDS.flatMap(optionsOf).filter(
  (option) =>
    ["0.05", "64"].some((text) => typeof parsed(option, text) === "number") && option.flags !== "--seed <seed>",
);

test("every number of every command refuses what is no finite decimal number", () => {
  assert.ok(NUMBERS.length > 50, `${NUMBERS.length} options are numbers: are they not found?`);
  for (const option of NUMBERS) {
    for (const text of ["Infinity", "-inf", "NaN", "nan", "1e999", "", " ", "0x10", "1,5", "3px", "none"]) {
      const refused = parsed(option, text);
      assert.ok(refused instanceof InvalidArgumentError, `${option.flags} takes "${text}"`);
      assert.match(refused.message, /^Give a (whole )?number( from [\d.]+)?( to [\d.]+)?\.$/, option.flags);
    }
    const isWhole = typeof parsed(option, "64.5") !== "number" && parsed(option, "64") === 64;
    if (isWhole) assert.notEqual(typeof parsed(option, "9007199254740993"), "number", `${option.flags}: 2^53 + 1`);
  }
});

test("ranges: both ends are in them, and the message names them", () => {
  const refuses = (parse: (text: string) => unknown, text: string, message: string): void => assert.throws(() => parse(text), { code: "commander.invalidArgument", message }); // prettier-ignore
  assert.deepEqual([number()("-1.5e3"), number(0, 1)("1"), number(0, 1)(" .5 "), whole(1)("1")], [-1500, 1, 0.5, 1]);
  refuses(number(), "a", "Give a number.");
  refuses(number(0), "-1", "Give a number from 0.");
  refuses(number(0, 0.99), "1", "Give a number from 0 to 0.99.");
  refuses(whole(1), "1.5", "Give a whole number from 1.");
  refuses(whole(1, 65_535), "65536", "Give a whole number from 1 to 65535.");
  refuses((text) => numbersOf(text, 3), "1,2", "Give 3 numbers with commas between them.");
  refuses((text) => numbersOf(text, 2), "1,Infinity", "Give 2 numbers with commas between them.");
  refuses(parseScale, "10,1", "Give the lowest score first.");
  assert.deepEqual(parseScale("1, 10"), { min: 1, max: 10 });
});
