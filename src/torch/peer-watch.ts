/**
 * Watches the processes of a group that run on this machine, from their start until all are connected. One that is killed
 * in that time would be waited for until the time-out, since nothing distinguishes it from one that comes late; once connected,
 * its closed connections show it.
 */
import { readdirSync, readFileSync } from "node:fs";

const INTERVAL = 500;
/**
 * Milliseconds from the start of this process after which a rank that must run on this machine, and was never seen there, is
 * taken for ended: processes of a group are started together.
 */
const ABSENT = 20_000;
/** What the processes of one group have in common, besides a rank each. */
const SHARED = ["MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"];

/**
 * Ranks of a group that run on this machine. A process has its rank in its environment from its first moment on; one that
 * has ended has no environment. Linux only, and only processes of the same user; else none are found.
 *
 * @param env of one of its processes
 */
export function ranksHere(env: NodeJS.ProcessEnv = process.env): Set<number> {
  const ranks = new Set<number>();
  for (const id of process.platform === "linux" ? processIds() : []) {
    const variables = environmentOf(id);
    const rank = variables.get("RANK");
    if (rank === undefined || SHARED.some((name) => variables.get(name) !== env[name])) continue;
    ranks.add(Number(rank));
  }
  return ranks;
}

function processIds(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function environmentOf(id: string): Map<string, string> {
  try {
    const entries = readFileSync(`/proc/${id}/environ`, "latin1").split("\0");
    return new Map(
      entries.map((entry) => {
        const at = entry.indexOf("=");
        return [entry.slice(0, at), entry.slice(at + 1)];
      }),
    );
  } catch {
    // It has ended, or is another user's.
    return new Map();
  }
}

/** Whether all processes run on this machine, as far as the environment says so. */
function areAllHere(env: NodeJS.ProcessEnv): boolean {
  const { MASTER_ADDR = "", LOCAL_WORLD_SIZE, WORLD_SIZE } = env;
  return /^(localhost|127\.[\d.]+|::1)$/.test(MASTER_ADDR) || LOCAL_WORLD_SIZE === WORLD_SIZE;
}

export interface WatchOptions {
  /** The ranks that are here now; for tests. */
  readonly look?: (env: NodeJS.ProcessEnv) => ReadonlySet<number>;
  /** Milliseconds between two looks. */
  readonly interval?: number;
  /** Milliseconds from the start of this process after which a rank that was never here, and should be, has ended. */
  readonly absent?: number;
}

/** Ranks that were here when the program started, long before the group is joined. */
let early = new Set<number>();

/** A first look, for programs to take as they start: a process that is killed from then on is noticed. */
export function notePeers(env: NodeJS.ProcessEnv = process.env): void {
  if (env["RANK"] !== undefined) early = ranksHere(env);
}

/** Calls `onGone` once a rank that was here has ended, or one that must be here does not come. */
export class PeerWatch {
  /** The first rank that has gone. */
  gone: number | undefined;
  readonly #seen = new Set<number>();
  readonly #look: (env: NodeJS.ProcessEnv) => ReadonlySet<number>;
  readonly #absent: number;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly env: NodeJS.ProcessEnv,
    private readonly onGone: () => void,
    { look = ranksHere, interval = INTERVAL, absent = ABSENT }: WatchOptions = {},
  ) {
    this.#look = look;
    this.#absent = absent;
    if (look === ranksHere && env === process.env) for (const rank of early) this.#seen.add(rank);
    this.#check();
    this.#timer = setInterval(() => this.#check(), interval);
  }

  #check(): void {
    const here = this.#look(this.env);
    for (const rank of here) this.#seen.add(rank);
    // Where this process does not see itself, it would not see the others.
    if (performance.now() > this.#absent && areAllHere(this.env) && here.has(Number(this.env["RANK"]))) {
      for (let rank = 0; rank < Number(this.env["WORLD_SIZE"]); rank++) this.#seen.add(rank);
    }
    this.gone ??= [...this.#seen].find((rank) => !here.has(rank));
    if (this.gone !== undefined) this.onGone();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
