/** From a culling plan to sidecars: what would change, and changing it so that it can be undone. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import { exists, withLock } from "../../files/index.js";
import { isRawName } from "../../image/extensions.js";
import {
  applySidecar,
  planShared,
  type SharedPlan,
  type SidecarField,
  type SidecarNaming,
  type SidecarWrite,
} from "../../photos/xmp.js";
import type { PlannedPhoto } from "./plan.js";
import { removeLeft, rocError, writeUndo } from "./undo.js";

/** A file whose sidecar is left alone. */
export interface SidecarFailure {
  readonly file: string;
  readonly error: RocError;
}

/** What a plan comes to on the disk. */
export interface SidecarPlans {
  readonly writes: readonly SidecarWrite[];
  /** What a person gave and stays, by photo. */
  readonly kept: ReadonlyMap<string, readonly SidecarField[]>;
  readonly failures: readonly SidecarFailure[];
}

/** A photo with its verdict, and the files that get it: of a RAW and its JPEG both. */
export interface Verdict {
  readonly photo: PlannedPhoto;
  readonly files: readonly string[];
  /** Stars that the files themselves hold. */
  readonly embedded?: number | undefined;
}

/**
 * What writing would change. A photo whose sidecar cannot be read is a failure; the others are planned. `IMG.xmp` is a
 * RAW's and its JPEG's at once, who have one verdict; of two photos with verdicts of their own, one has it, a RAW first, and
 * the other gets a sidecar with its whole name.
 */
export async function planSidecars(verdicts: readonly Verdict[], naming: SidecarNaming): Promise<SidecarPlans> {
  const plans = new Map<Verdict, SharedPlan>();
  const failures: SidecarFailure[] = [];
  const taken = new Set<string>();
  const hasRaw = ({ files }: Verdict): boolean => files.some(isRawName);
  for (const verdict of [...verdicts.filter(hasRaw), ...verdicts.filter((one) => !hasRaw(one))]) {
    try {
      const plan = await planned(verdict, naming, taken);
      plan.sidecars.forEach((file) => taken.add(file));
      plans.set(verdict, plan);
    } catch (error) {
      failures.push({ file: verdict.photo.file, error: rocError(error) });
    }
  }
  const inOrder = verdicts.flatMap((verdict) => plans.get(verdict) ?? []);
  const kept = verdicts.flatMap((verdict) =>
    verdict.files.map((file) => [file, plans.get(verdict)?.kept ?? []] as const),
  );
  return {
    writes: inOrder.flatMap(({ writes }) => writes),
    kept: new Map(kept.filter(([, fields]) => fields.length > 0)),
    failures,
  };
}

async function planned(
  { photo, files, embedded }: Verdict,
  naming: SidecarNaming,
  taken: ReadonlySet<string>,
): Promise<SharedPlan> {
  const { rating, label, pick } = photo;
  const stars = rating === undefined ? {} : { rating };
  const change = { ...stars, ...(label && { label }), ...(pick && { pick }) };
  const options = { embedded, taken };
  const plan = await planShared(files, change, naming, options);
  // A label says the same as the pick: where a person thinks otherwise, neither is written.
  if (label === undefined || !plan.kept.includes("pick")) return plan;
  return { ...(await planShared(files, stars, naming, options)), kept: plan.kept };
}

/** What was written. */
export interface WrittenSidecars {
  readonly written: number;
  readonly failures: readonly SidecarFailure[];
}

/**
 * Writes sidecars, the undo file before the first of them. A stopped call has written some: the undo file holds all.
 *
 * @throws RocError FILE_UNWRITABLE where the undo file cannot be written: nothing is changed then; ABORTED
 */
export async function writeSidecars(
  writes: readonly SidecarWrite[],
  undoFile: string,
  folder: string,
  signal?: AbortSignal,
): Promise<WrittenSidecars> {
  await removeLeft(writes.map(({ file }) => file));
  // Of two commands with one undo file, the second adds to what the first has written.
  const waiting = signal ? { signal } : {};
  await withLock(`${undoFile}.lock`, waiting, () => writeUndo(undoFile, folder, writes));
  const failures: SidecarFailure[] = [];
  for (const write of writes) {
    if (signal?.aborted) {
      const remedy = `the same command goes on, and roc4mllm cull --undo ${undoFile} puts everything back`;
      throw new RocError("ABORTED", `Writing was stopped; ${remedy}.`);
    }
    await applySidecar(write).catch((error: unknown) => failures.push({ file: write.file, error: rocError(error) }));
  }
  return { written: writes.length - failures.length, failures };
}

/** A name for an undo file in a folder that no file has: `cull-2026-05-01-123005.undo.jsonl`. */
export async function undoName(folder: string, now: Date): Promise<string> {
  const stamp = now.toISOString().slice(0, 19).replaceAll(":", "").replace("T", "-");
  for (let count = 1; ; count++) {
    const file = join(folder, `cull-${stamp}${count === 1 ? "" : `-${count}`}.undo.jsonl`);
    if (!(await exists(file))) return file;
  }
}
