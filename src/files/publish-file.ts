/** A file's name is given to it once it is whole, and never over another file. */
import { link, open, rename, rm } from "node:fs/promises";

/** What file systems say that know no second name for a file: memory cards, some network shares. */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]);

type Path = string | Buffer;

/**
 * Gives a whole file its name. The name it has may stay as well: remove that afterwards.
 *
 * @param makeLink for tests: the system's link()
 * @throws the file system's error; EEXIST where another file has the name
 */
export async function publishFile(aside: Path, to: Path, makeLink: typeof link = link): Promise<void> {
  try {
    await makeLink(aside, to);
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await replaceEmpty(aside, to);
  }
}

/** An empty file takes the name first, which one process alone can make: what a rename replaces is that. */
async function replaceEmpty(aside: Path, to: Path): Promise<void> {
  await (await open(to, "wx")).close();
  try {
    await rename(aside, to);
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
}
