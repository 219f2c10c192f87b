/** Files that a person drops. */
import { IMAGE_ENDINGS } from "../../src/image/endings.js";

const ENDINGS = IMAGE_ENDINGS.map((ending) => `.${ending}`);

/** What a browser takes for pictures, and what the server reads beside. */
export const ACCEPTED = ["image/*", ...ENDINGS].join(",");

/** Whether a file is called like a picture. What macOS keeps beside one on other systems' disks is called like it too. */
export function isPicture({ name, type }: File): boolean {
  if (name.startsWith("._")) return false;
  return type.startsWith("image/") || ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
}

/** Of files that lay in a folder that was dropped: browsers do not say it of the files themselves. */
const folders = new WeakMap<File, string>();

/** The folder of a file within the one that was dropped or chosen, as "trip/day-1"; "" for a file by itself. */
export function folderOf(file: File): string {
  return folders.get(file) ?? file.webkitRelativePath.split("/").slice(0, -1).join("/");
}

/** Files that were dropped, those in folders too. */
export async function filesOf(data: DataTransfer): Promise<File[]> {
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return [...data.files];
  return (await Promise.all(entries.map(filesBelow))).flat();
}

async function filesBelow(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((...ends) => (entry as FileSystemFileEntry).file(...ends));
    // "/trip/day-1/a.jpg".
    folders.set(file, entry.fullPath.split("/").slice(1, -1).join("/"));
    return [file];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((...ends) => reader.readEntries(...ends));
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map(filesBelow))).flat());
  }
}
