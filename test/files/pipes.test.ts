/**
 * A pipe without a writer instead of every file that is opened: a RocError, or the file is ignored, but never a wait.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { readDataset } from "../../src/data/index.js";
import { describeCheckpoint } from "../../src/engine/describe.js";
import { load } from "../../src/engine/index.js";
import { isRocError } from "../../src/errors.js";
import { loadOnnx } from "../../src/eval/onnx/model.js";
import { readRunFolder } from "../../src/report/run-folder.js";
import { readKept, readTable } from "../../src/eval/predictions-file.js";
import { readEvaluation } from "../../src/eval/evaluation.js";
import { readRows } from "../../src/eval/rows.js";
import { readExperiment } from "../../src/studies/claims/experiment.js";
import { downloadModel, hubSettings } from "../../src/hub/index.js";
import { loadModel } from "../../src/models/registry.js";
import { openCheckpointFolder } from "../../src/models/places.js";
import { loadTemplates } from "../../src/roc/index.js";
import { loadTokenizer } from "../../src/tokenizers/index.js";
import { openLatestState } from "../../src/train/run/checkpoint.js";
import { readConfig } from "../../src/train/start/config.js";
import { openCheckpoint, openSafetensors } from "../../src/weights/index.js";
import { fixture, ROOT } from "../support.js";
import { checksum, fakeHub, into } from "../hub/support.js";

/** Far above what any of them takes. */
const LIMIT_MS = 120_000;

const made: string[] = [];
const pipes: string[] = [];
after(async () => {
  for (const pipe of pipes) {
    // A reader that still waits for a writer would keep the process alive.
    try {
      closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
    } catch {
      // It was removed.
    }
  }
  for (const folder of made) await rm(folder, { recursive: true, force: true });
});

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pipes-"));
  made.push(folder);
  return folder;
}

async function pipe(file: string): Promise<void> {
  await rm(file, { force: true });
  await mkdir(dirname(file), { recursive: true });
  execFileSync("mkfifo", [file]);
  pipes.push(file);
}

/** Settles in time, with a value or a RocError. */
async function settles(work: Promise<unknown>, what: string): Promise<void> {
  const late = new AbortController();
  const end = work.then(
    (value) => {
      if (typeof value === "object" && value !== null && "dispose" in value) (value.dispose as () => void).call(value);
    },
    (error: unknown) => assert.ok(isRocError(error) && error.code !== "INTERNAL", `${what}: ${String(error)}`),
  );
  const limit = wait(LIMIT_MS, "late", { signal: late.signal }).catch(() => "in time");
  assert.notEqual(await Promise.race([end, limit]), "late", `${what} waits for a writer`);
  late.abort();
}

interface Place {
  /** A folder of complete files. */
  readonly from: string;
  /** Further files that the folder may hold. */
  readonly more?: readonly string[];
  /** Reads the folder: all of what opens its files. */
  readonly reads: readonly ((folder: string) => Promise<unknown>)[];
}

/** A worker would open the same files. */
const loadHere = (folder: string): Promise<unknown> => load(folder, { worker: false });

const CHECKPOINT_FILES = [
  ...["config.json", "generation_config.json", "roc_templates.json", "processor_config.json"],
  ...["preprocessor_config.json", "video_preprocessor_config.json", "chat_template.json", "chat_template.jinja"],
  ...["tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"],
  ...["model.fp16.safetensors", "model-00001-of-00001.safetensors", "mm_projector.bin"],
  ...["adapter_config.json", "adapter_model.safetensors", "adapter/adapter_config.json", "best", "latest"],
];

const PLACES: Readonly<Record<string, Place>> = {
  "a checkpoint": {
    from: join(ROOT, "models/demo"),
    more: CHECKPOINT_FILES,
    reads: [loadHere, describeCheckpoint, loadTokenizer, loadTemplates],
  },
  "shards of .bin": { from: fixture("mplugowl2/tiny"), reads: [loadModel, openCheckpoint] },
  "a LLaVA": { from: fixture("llava/tiny"), more: CHECKPOINT_FILES, reads: [loadModel] },
  "a Qwen2-VL": { from: fixture("qwen2vl/tied"), more: CHECKPOINT_FILES, reads: [loadModel] },
  adapters: {
    from: fixture("train/peft/adapter"),
    more: CHECKPOINT_FILES,
    reads: [openCheckpointFolder, (folder) => openSafetensors(join(folder, "adapter_model.safetensors")), loadHere],
  },
  "a run": {
    from: fixture("train/peft/adapter"),
    more: ["step-00000001/state.json", "step-00000001/config.json", "step-00000001/optimizer.safetensors", "latest", "best", "run.json", "settings.json", "metrics.jsonl", "summary.json", "predictions.csv", "predictions.jsonl", "predictions.partial.jsonl"], // prettier-ignore
    reads: [openLatestState, readRunFolder, readEvaluation, loadHere],
  },
  ...Object.fromEntries(
    ["aadb", "ava-captions", "icaa17k", "own-csv", "own-jsonl", "para", "tad66k"].map((name) => [
      `data set ${name}`,
      {
        from: fixture(`datasets/${name}`),
        more: ["dataset.json"],
        reads: [(folder: string) => readDataset({ folder })],
      },
    ]),
  ),
  "data set studio": {
    from: fixture("studio/ava"),
    more: ["studio.json"],
    reads: [(folder) => readDataset({ folder }), (folder) => readDataset({ folder, kind: "studio" })],
  },
};

for (const [name, { from, more = [], reads }] of Object.entries(PLACES)) {
  test(`${name}, file by file`, { timeout: 600_000 }, async () => {
    const entries = await readdir(from, { recursive: true, withFileTypes: true });
    const there = entries.filter((one) => one.isFile()).map((one) => relative(from, join(one.parentPath, one.name)));
    const files = [...new Set([...there.filter((file) => !/\.(jpg|png)$/.test(file)), ...more])];
    assert.ok(files.length > 1);
    for (const file of files) {
      const folder = await scratch();
      await cp(from, folder, { recursive: true, dereference: true });
      await pipe(join(folder, file));
      for (const read of reads) await settles(read(folder), file);
      await rm(folder, { recursive: true });
    }
  });
}

const SINGLE: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  "x.csv": readRows,
  "x.jsonl": readRows,
  "x.json": readRows,
  "x.parquet": readRows,
  "y.jsonl": readKept,
  "y.csv": readTable,
  "y.parquet": readTable,
  "run.yaml": readConfig,
  "experiment.yaml": readExperiment,
  "labels.csv": (folder) => readDataset({ folder, kind: "csv" }),
  "score.onnx": (file) => loadOnnx(file, {}, { min: 1, max: 10 }),
};

test("files that are opened by path", { timeout: 600_000 }, async () => {
  for (const [name, read] of Object.entries(SINGLE)) {
    const file = join(await scratch(), name);
    await pipe(file);
    const outcome = read(file).then(
      () => assert.fail(`${name} was read`),
      (error: unknown) => {
        throw error;
      },
    );
    await settles(outcome, name);
  }
});

test("the hub's cache and token", { timeout: 600_000 }, async (t) => {
  const weights = { content: Buffer.alloc(1000, "w"), lfs: true };
  const hub = await fakeHub(t, { "config.json": { content: Buffer.from("{}") }, "model.safetensors": weights });
  for (const place of ["refs/main", "blobs/HASH", "blobs/HASH.incomplete", "snapshots/COMMIT/model.safetensors"]) {
    const given = into(t, hub);
    const commit = (await downloadModel("owner/model", given)).commit;
    const file = join(given.repo, place.replace("HASH", checksum(weights)).replace("COMMIT", commit));
    await rm(join(given.repo, "blobs", checksum(weights)));
    await pipe(file);
    await settles(downloadModel("owner/model", given), place);
    await settles(downloadModel("owner/model", { ...given, settings: { ...given.settings, offline: true } }), place);
  }
  const home = await scratch();
  await pipe(join(home, "token"));
  await settles(hubSettings({ HF_HOME: home }), "token");
  await writeFile(join(home, "other"), "");
});
