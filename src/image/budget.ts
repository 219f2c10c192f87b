/** A bound on the memory of all pictures that are being read and decoded at the same time. */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";

const GIB = 2 ** 30;

/**
 * Gives out a number of bytes. Who asks for more than is left waits, except the one that began first: so a picture above
 * the limit is decoded alone, and nobody waits for ever.
 */
export class MemoryBudget {
  readonly #limit: number;
  /** In the order in which they took something first. */
  readonly #leases = new Set<Lease>();
  readonly #waiting = new Set<() => void>();
  #used = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are given out. */
  get used(): number {
    return this.#used;
  }

  lease(): Lease {
    return new Lease(this);
  }

  /** Waits until the bytes fit. Once it is granted they are the lease's, whatever else happens. */
  async take(lease: Lease, bytes: number, signal?: AbortSignal): Promise<void> {
    this.#leases.add(lease);
    while (this.#used + bytes > this.#limit && this.#first() !== lease && signal?.aborted !== true) {
      await this.#change(signal);
    }
    this.#used += bytes;
    lease.bytes += bytes;
  }

  /** Gives back what the lease has, and waits until it can have everything. */
  async takeAll(lease: Lease, signal?: AbortSignal): Promise<void> {
    this.release(lease);
    while (this.#used > 0 && signal?.aborted !== true) await this.#change(signal);
    await this.take(lease, this.#limit);
  }

  release(lease: Lease): void {
    this.#used -= lease.bytes;
    lease.bytes = 0;
    this.#leases.delete(lease);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Ends when a lease is given back, or by the signal. */
  #change(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }

  #first(): Lease | undefined {
    const [first] = this.#leases;
    return first;
  }
}

/** What one picture holds of the budget. */
export class Lease {
  bytes = 0;
  readonly #budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  take(bytes: number, signal?: AbortSignal): Promise<void> {
    return this.#budget.take(this, bytes, signal);
  }

  /** Waits until no other picture has anything. */
  takeAll(signal?: AbortSignal): Promise<void> {
    return this.#budget.takeAll(this, signal);
  }

  [Symbol.dispose](): void {
    this.#budget.release(this);
  }
}

let shared: MemoryBudget | undefined;

/** The budget of the process: a gibibyte, less where there is little memory. */
export function pictureBudget(): MemoryBudget {
  return (shared ??= new MemoryBudget(Math.min(GIB, freeMemory() / 4)));
}

/** Bytes that this process may still take: of the machine, its control group, and its address space (`ulimit -v`). */
function freeMemory(): number {
  return Math.min(freemem(), process.constrainedMemory() || Infinity, freeAddresses());
}

function freeAddresses(): number {
  try {
    const limit = /^Max address space +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    const used = /^VmSize:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return limit === undefined || used === undefined ? Infinity : Math.max(0, Number(limit) - 1024 * Number(used));
  } catch {
    // No Linux.
    return Infinity;
  }
}
