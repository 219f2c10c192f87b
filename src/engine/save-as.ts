/** Whole checkpoints written to a folder of their own: complete or not at all. */
import { readdir } from "node:fs/promises";
import { isMissing, makeFolder, publishFolder, remove } from "../files/index.js";
import { RocError } from "../errors.js";
import type { Loaded } from "../models/registry.js";
import { saveMllm } from "../models/save.js";
import { saveTemplates, type RocTemplates } from "../roc/index.js";

/** @throws RocError USAGE where the folder holds something */
export async function refuseFilled(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (names.length > 0) throw new RocError("USAGE", `${folder} is not empty; give another folder as --out.`);
}

/** Writes it aside and gives it its name at the end. @throws RocError FILE_UNWRITABLE */
export async function saveAs(
  out: string,
  { model, processor, templates }: Loaded & { readonly templates: RocTemplates | undefined },
): Promise<void> {
  const aside = `${out}.tmp`;
  try {
    await remove(aside);
    await makeFolder(aside);
    await saveMllm(model, aside);
    await processor.save(aside);
    if (templates) await saveTemplates(aside, templates);
    await publishFolder(aside, out);
  } finally {
    await remove(aside);
  }
}
