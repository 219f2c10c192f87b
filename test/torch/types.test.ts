import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { generateTypes } from "../../src/torch/generate.js";
import { torchVersion } from "../../src/torch/index.js";
import { ROOT } from "../support.js";

test("the committed operator types are those that the dispatcher of the pinned libtorch reports", (context) => {
  const committed = readFileSync(`${ROOT}src/torch/generated/aten.ts`, "utf8");
  const version = /of libtorch (\S+)\. Do not edit/.exec(committed)?.[1];
  assert.ok(version, "the file names the version that it was made from");
  if (version !== torchVersion()) {
    context.skip(`made from libtorch ${version}, here is ${torchVersion()}`);
    return;
  }
  assert.equal(committed, generateTypes());
});
