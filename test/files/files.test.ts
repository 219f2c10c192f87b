import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import {
  append,
  atomicWriteFile,
  checkSameSettings,
  digestFile,
  ifThere,
  makeFolder,
  move,
  openJournal,
  publishFolder,
  readBytes,
  readChunks,
  readJson,
  readJsonAs,
  readText,
  remove,
  removeEntries,
  takeLock,
  tryLock,
  withLock,
  writeFiles,
} from "../../src/files/index.js";

const folder = mkdtempSync(join(tmpdir(), "files-"));
after(() => rmSync(folder, { recursive: true }));
process.env["XDG_CACHE_HOME"] = join(folder, "cache");

const at = (name: string, content?: string | Uint8Array): string => {
  const file = join(folder, name);
  if (content !== undefined) writeFileSync(file, content);
  return file;
};

test("what is not a regular file is refused without blocking", { timeout: 10_000 }, async () => {
  const pipe = at("pipe");
  execFileSync("mkfifo", [pipe]);
  for (const read of [readBytes, readText, readJson, digestFile]) {
    await assert.rejects(read(pipe), { code: "FILE_UNREADABLE", message: /pipe cannot be read: it is a pipe/ });
    await assert.rejects(read("/dev/zero"), { code: "FILE_UNREADABLE", message: /a device/ });
    await assert.rejects(read(folder), { code: "FILE_UNREADABLE", message: /it is a folder/ });
    await assert.rejects(read(at("none")), { code: "FILE_NOT_FOUND", message: /none does not exist/ });
  }
  assert.equal(await ifThere(readText(at("none"))), undefined);
});

test("texts lose their byte order mark, sizes are bounded, JSON names file and field", async () => {
  assert.equal(await readText(at("marked", "\ufeffa")), "a");
  await assert.rejects(readText(at("long", "abcde"), { maxBytes: 4 }), { message: /has 5 bytes, 4 are allowed/ });
  await assert.rejects(readJson(at("broken", "{")), { code: "CONFIG_INVALID", message: /broken is not JSON/ });
  const schema = z.object({ a: z.object({ b: z.number() }) });
  await assert.rejects(readJsonAs(at("other", '{"a": {"b": "1"}}'), schema, { invalid: "DATA_INVALID" }), {
    code: "DATA_INVALID",
    message: /other: field a\.b: /,
  });
  assert.deepEqual(await readJsonAs(at("right", '{"a": {"b": 1}}'), schema), { a: { b: 1 } });
});

test("every function that writes, moves, removes or locks throws FILE_UNWRITABLE with the path", async () => {
  writeFileSync(join(folder, "blocker"), "");
  const below = join(folder, "blocker", "below");
  const whole = join(folder, "whole");
  mkdirSync(whole);
  const settings = { seed: 1 };
  const writers: Readonly<Record<string, () => Promise<unknown>>> = {
    atomicWriteFile: () => atomicWriteFile(below, "x"),
    writeFiles: () => writeFiles(below, { a: "x" }),
    append: () => append(below, "x"),
    makeFolder: () => makeFolder(below),
    publishFolder: () => publishFolder(whole, below),
    move: () => move(whole, below),
    remove: () => remove(below),
    removeEntries: () => removeEntries(below, () => true),
    takeLock: () => takeLock(below, "x"),
    tryLock: () => tryLock(below),
    withLock: () => withLock(below, {}, () => Promise.resolve()),
    openJournal: () => openJournal(below, { settings, remedy: "x", entry: z.unknown() }),
  };
  for (const [name, write] of Object.entries(writers)) {
    const error: unknown = await write().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(isRocError(error), `${name}: ${String(error)}`);
    assert.equal(error.code, "FILE_UNWRITABLE", name);
    assert.ok(error.message.includes(join(folder, "blocker")), `${name}: ${error.message}`);
  }
});

test("errors of the work inside a lock are passed on", async () => {
  const file = join(folder, "lock");
  const refused = Object.assign(new Error("refused"), { syscall: "open", code: "EACCES" });
  await assert.rejects(
    withLock(file, {}, () => Promise.reject(refused)),
    refused,
  );
  assert.equal(await withLock(file, {}, () => Promise.resolve(5)), 5);
});

test("files whose names are as long as names can be are replaced too; longer ones are told to be", async () => {
  const file = join(folder, "x".repeat(255));
  await atomicWriteFile(file, "new");
  assert.equal(readFileSync(file, "utf8"), "new");
  await assert.rejects(atomicWriteFile(`${file}x`, "new"), { code: "FILE_UNWRITABLE", message: /shorter name/ });
});

test("a write that the system refuses is FILE_UNWRITABLE", async () => {
  at("file", "");
  await assert.rejects(atomicWriteFile(join(folder, "file", "below"), "x"), { code: "FILE_UNWRITABLE" });
  await assert.rejects(atomicWriteFile("/proc/nothing/here", "x"), { code: "FILE_UNWRITABLE" });
});

test("a digest covers every byte, is cached, and follows a change that keeps size and modification time", async () => {
  const bytes = Buffer.alloc(3 << 20, 1);
  const sha = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
  const file = at("large", bytes);
  const old = new Date(Date.now() - 60_000);
  utimesSync(file, old, old);
  assert.equal(await digestFile(file), sha(bytes));
  const memory = join(folder, "cache", "roc4mllm", "digests.json");
  assert.ok(!existsSync(memory), "changed a moment ago: not cached");

  bytes[1_500_000] = 2;
  writeFileSync(file, bytes);
  utimesSync(file, old, old);
  assert.equal(await digestFile(file), sha(bytes));
});

test("a cached digest is used for the same file only", async () => {
  const file = at("settled", Buffer.alloc(2 << 20, 3));
  const right = await digestFile(file);
  // Two seconds after its last change a file's digest is cached.
  const { ctimeMs } = statSync(file);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, ctimeMs + 2_100 - Date.now())));
  assert.equal(await digestFile(file), right);
  const memory = join(folder, "cache", "roc4mllm", "digests.json");
  const planted = "f".repeat(64);
  writeFileSync(memory, readFileSync(memory, "utf8").replace(right, planted));
  assert.equal(await digestFile(file), planted, "it is not read again");
  writeFileSync(file, Buffer.alloc(2 << 20, 3));
  assert.equal(await digestFile(file), right);
  writeFileSync(memory, "broken");
  assert.equal(await digestFile(file), right);
});

test("a file in chunks: of a small one no more is made than it holds, of a large one a mebibyte, at one that grows its end", async () => {
  const chunksOf = async (file: string, grow = 0): Promise<Uint8Array[]> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readChunks(file)) {
      if (chunks.push(chunk) === 1 && grow > 0) writeFileSync(file, Buffer.alloc(grow, 7), { flag: "a" });
    }
    return chunks;
  };
  for (const size of [1, 300, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 5]) {
    const bytes = Buffer.alloc(size, 5);
    bytes[size - 1] = 9;
    const file = at(`chunked-${size}`, bytes.toString("latin1"));
    const chunks = await chunksOf(file);
    assert.ok(Buffer.concat(chunks).equals(bytes), `${size} bytes`);
    for (const { buffer } of chunks) assert.ok(buffer.byteLength <= Math.min(size + 1, 1 << 20), `${size} bytes`);
  }
  const grown = await chunksOf(at("growing", "x".repeat((1 << 20) + 3)), 5000);
  assert.equal(Buffer.concat(grown).length, (1 << 20) + 5003);
});

test("settings are equal or refused by name", async () => {
  const file = at("settings.json", JSON.stringify({ a: 1, b: [1, 2], c: "free" }));
  const options = { what: "the run", remedy: "Give another.", free: new Set(["c"]) };
  await checkSameSettings(file, { a: 1, b: [1, 2], c: "other" }, options);
  await assert.rejects(checkSameSettings(file, { a: 2, b: [1, 2], d: null }, options), {
    code: "USAGE",
    message: "the run was started with other settings: a was 1, now 2; d was not set, now null. Give another.",
  });
  // Of long texts and large objects only what differs, and once where it is there by two names.
  const text = "Rate the picture. ".repeat(200);
  const [before, now] = ["quality", "beauty"].map((what) => {
    const prompt = `${text}What is its ${what}?${text}`;
    return { prompt, scorer: { name: "a", aspect: what, prompt }, of: 1 };
  });
  const long = at("long.json", JSON.stringify(before));
  await assert.rejects(checkSameSettings(long, now ?? {}, { what: "it", remedy: "Stop." }), (error: Error) => {
    const shown =
      'prompt was "…icture. What is its quality?Rate the picture. Rate the picture. Rate the picture…", now "…';
    assert.ok(error.message.includes(shown), error.message);
    assert.match(error.message, /; scorer\.aspect was "quality", now "beauty"\. Stop\.$/);
    assert.ok(error.message.length < 400, error.message);
    return true;
  });
  await assert.rejects(checkSameSettings(at("absent"), {}, options), { code: "FILE_NOT_FOUND", message: /the run/ });
  assert.ok(!readdirSync(folder).some((name) => name.endsWith(".tmp")));
});
