/** What the system refuses, where no reader or writer has named it: reading and writing are distinguished. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { folderWith, runCli } from "./support.js";

test("a refused read is FILE_UNREADABLE or FILE_NOT_FOUND, a refused write FILE_UNWRITABLE", async (t) => {
  const photo = `${folderWith(t, { "a.jpg": "" })}/a.jpg`;
  for (const [syscall, code, expected] of [
    ["scandir", "EACCES", "FILE_UNREADABLE"],
    ["read", "EIO", "FILE_UNREADABLE"],
    ["stat", "ENOENT", "FILE_NOT_FOUND"],
    ["write", "ENOSPC", "FILE_UNWRITABLE"],
    ["mkdir", "EROFS", "FILE_UNWRITABLE"],
  ] as const) {
    const refused = Object.assign(new Error(`${code}: refused`), { code, syscall, path: "/some/where" });
    const { code: exit, stdout } = await runCli(["score", photo, "--json"], () => {
      throw refused;
    });
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    assert.deepEqual([exit, error.code], [3, expected], syscall);
    assert.match(error.message, /^\/some\/where: .*\. Correct that/);
  }
});
