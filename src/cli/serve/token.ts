/** The file with a server's token, which nobody else may read. */
import { constants, open } from "node:fs/promises";
import { messageOf, RocError } from "../../errors.js";

/** A token's file is small. */
const MOST_BYTES = 4096;
const OTHERS = 0o077;

/** @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; USAGE where others may read it, or it holds no token */
export async function readToken(path: string): Promise<string> {
  const make = `Make it by (umask 077; openssl rand -hex 32 > ${path}).`;
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      const code = error.code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE";
      throw new RocError(code, `--token-file ${path}: ${messageOf(error)}. ${make}`, { cause: error });
    },
  );
  const stats = await file.stat();
  if (!stats.isFile()) throw new RocError("USAGE", `--token-file ${path} is no file. ${make}`);
  if ((stats.mode & OTHERS) !== 0) {
    throw new RocError("USAGE", `--token-file ${path} can be read or changed by others: chmod 600 ${path}`);
  }
  if (stats.size > MOST_BYTES) throw new RocError("USAGE", `--token-file ${path} is too large for a token. ${make}`);
  const token = (await file.readFile("utf8")).trim();
  if (!/^[\x21-\x7e]{16,}$/.test(token)) {
    throw new RocError(
      "USAGE",
      `--token-file ${path}: a token has 16 or more signs in one line, without blanks. ${make}`,
    );
  }
  return token;
}
