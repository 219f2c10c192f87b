/** What standard error shows of a download: a bar of megabytes, and the pauses that the hub asks for. */
import type { DownloadOptions } from "../../hub/index.js";
import type { Output } from "./io.js";
import { createProgress, type Progress } from "./progress.js";

const MEGABYTE = 1e6;

/** @param label how a plain line starts: "MB of owner/name" */
export function downloadProgress(
  stderr: Output,
  label: string,
): Required<Pick<DownloadOptions, "onProgress" | "onWait">> & { stop(): void } {
  let progress: Progress | undefined;
  return {
    onProgress(bytes, total) {
      // What is in the cache needs no bar.
      if (bytes === total && !progress) return;
      progress ??= createProgress(stderr, label, Math.ceil(total / MEGABYTE));
      progress.update(Math.floor(bytes / MEGABYTE));
    },
    onWait(text) {
      const print = (): void => void stderr.write(`${text}\n`);
      if (progress) progress.around(print);
      else print();
    },
    stop: () => progress?.stop(),
  };
}
