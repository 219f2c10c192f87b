/** Stars that people and programs keep beside photos, as far as they have changed since a scan before. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf } from "../../errors.js";
import { nameOfBytes, pathOfName } from "../../image/index.js";
import { readSidecar, sidecarName, type SidecarContent } from "../../photos/xmp.js";

/** What the sidecars of a photo say. */
export type Stars = Omit<SidecarContent, "ours">;

/** The sidecars of one scan: a folder is listed once, and those of other photos are not looked at. */
export class Sidecars {
  readonly #folders = new Map<string, Promise<ReadonlyMap<string, string>>>();

  constructor(private readonly onNote: (text: string) => void) {}

  /** Names, sizes and times of a photo's sidecars; "" where there is none. */
  async stampOf(photo: string): Promise<string> {
    const files = await this.#filesOf(photo);
    const stamps = files.map(async (file) => {
      const found = await stat(pathOfName(file), { bigint: true }).catch(() => undefined);
      return found ? `${basename(file)}:${found.size}:${found.mtimeNs}` : "";
    });
    return (await Promise.all(stamps)).filter((stamp) => stamp !== "").join(";");
  }

  /** What they say together; that which is called after the whole name of the photo first. A broken one says nothing. */
  async read(photo: string): Promise<Stars> {
    let stars: Stars = {};
    for (const file of await this.#filesOf(photo)) {
      const content = await readSidecar(file).catch((error: unknown) => void this.onNote(messageOf(error)));
      if (content) stars = { ...content, ...stars };
    }
    return stars;
  }

  async #filesOf(photo: string): Promise<string[]> {
    const folder = dirname(photo);
    let listing = this.#folders.get(folder);
    if (!listing) {
      if (this.#folders.size > 64) this.#folders.clear();
      this.#folders.set(folder, (listing = sidecarsIn(folder)));
    }
    const there = await listing;
    if (there.size === 0) return [];
    const names = (["appended", "replaced"] as const).map((naming) => basename(sidecarName(photo, naming)));
    return names.flatMap((name) => there.get(keyOf(name)) ?? []).map((name) => join(folder, name));
  }
}

/** The names of a folder's sidecars by how they are looked up. */
async function sidecarsIn(folder: string): Promise<Map<string, string>> {
  const names = await readdir(pathOfName(folder), { encoding: "buffer" }).catch(() => []);
  const found = names.map(nameOfBytes).filter((name) => /\.xmp$/i.test(name));
  return new Map(found.map((name) => [keyOf(name), name]));
}

/** The extension in any case. */
function keyOf(name: string): string {
  return name.replace(/\.xmp$/i, ".xmp");
}
