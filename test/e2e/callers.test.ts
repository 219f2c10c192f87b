/** What callers without types give to the functions of the library: refused by name, never a TypeError. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as roc from "roc4mllm";

/** The functions as JavaScript sees them. */
const untyped = roc as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
const { DEMO_MODEL } = roc;
const NOWHERE = join(tmpdir(), "roc-none");

const CALLS: readonly (readonly [name: string, args: readonly unknown[], message: RegExp])[] = [
  ["load", [], /no checkpoint/],
  ["load", [DEMO_MODEL, { resize: "zoom" }], /zoom.*crop, pad, stretch/],
  ["load", [DEMO_MODEL, { dtype: "int8" }], /int8.*float32/],
  ["trainModel", [], /takes an object/],
  ["planTraining", ["x"], /takes an object/],
  ["evaluate", [], /./],
  ["checkData", ["data"], /takes an object/],
  ["checkData", [{}], /data is missing/],
  ["reproduce", [], /takes an object/],
  ["writeStudioFormats", [NOWHERE], /takes an object/],
  ["writeStudioFormats", [NOWHERE, { formats: ["koniq"], seed: 1, count: 1 }], /koniq.*known: /],
  ["writeStudioFormats", [NOWHERE, { formats: "ava", seed: 1, count: 1 }], /known: /],
  ["leaderboard", [{ dataset: "nix" }], /nix.*ava/],
  ["formatTable", [{}, "md"], /md.*latex/],
];

for (const [name, args, message] of CALLS) {
  const shown = args.map((arg) => JSON.stringify(arg)).join(", ");
  test(`${name}(${shown})`, async () => {
    const call = async (): Promise<unknown> => await untyped[name]?.(...args);
    await assert.rejects(call, { name: "RocError", code: "USAGE", message });
  });
}
