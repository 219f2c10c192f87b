/** The files in which Linux says what a process's control groups may use. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const GROUPS = "/sys/fs/cgroup";

/** A file's text; undefined where there is none. A test gives another. */
export type ReadText = (path: string) => string | undefined;

export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** A control group that a process is in, or one around it. */
export interface ControlGroup {
  readonly folder: string;
  /** Of version 2, whose files have other names. */
  readonly isSecond: boolean;
}

/** The groups that limit this process. @param controller of version 1, which has groups of its own: "cpu", "memory" */
export function controlGroups(read: ReadText, controller: string): ControlGroup[] {
  return (read("/proc/self/cgroup") ?? "").split("\n").flatMap((line) => {
    const [, controllers, ...rest] = line.split(":");
    const isSecond = controllers === "";
    if (!isSecond && controllers?.split(",").includes(controller) !== true) return [];
    const found: ControlGroup[] = [];
    for (let path = join("/", rest.join(":")); ; path = dirname(path)) {
      found.push({ folder: join(GROUPS, isSecond ? "" : controller, path), isSecond });
      if (path === "/") return found;
    }
  });
}
