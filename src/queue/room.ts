/** Room in Redis: senders fill a part of its memory alone, so that workers can take jobs and keep results whatever is sent. */
import type { Redis } from "ioredis";
import { isRocError, RocError } from "../errors.js";
import type { QueueAddress } from "./address.js";
import { fieldOf, isFull } from "./redis.js";

/** Share of Redis' memory up to which pictures are sent. */
const SHARE = 0.75;
/** Share below which there is told to be room again, so that a Redis that stays about as full is told once. */
const SHARE_TOLD = 0.5;
/** Share of that which is free and is filled before the next look: others send, too. */
const STEP = 1 / 8;
/** How long a look holds; where it found no room. */
const LOOK_MS = 1000;
const TIGHT_MS = 100;
/** How long there is no room until {@link RoomOptions.makeRoom}. */
const PATIENCE_MS = 3000;

export interface RoomOptions {
  readonly address: QueueAddress;
  /** Whether nothing of this sender is there: one picture is then sent into what is left, so that it always goes on. */
  readonly isAlone: () => boolean;
  /** Called each time there was no room for a while. @param isFull whether nothing at all fits any more */
  readonly makeRoom: (isFull: boolean) => Promise<void>;
  readonly onNote: (note: string) => void;
}

/** Bytes that a Redis uses, and has at most: Infinity where it has no `maxmemory`. */
export async function memoryOf(redis: Redis): Promise<{ readonly used: number; readonly most: number }> {
  const info = await redis.info("memory");
  return { used: Number(fieldOf(info, "used_memory")), most: Number(fieldOf(info, "maxmemory")) || Infinity };
}

export class Room {
  /** Bytes that may be sent before the next look, and that are on their way. */
  #free = 0;
  #sending = 0;
  /** What did not fit last. */
  #refused = 0;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;
  #tightSince: number | undefined;
  #isNoted = false;

  constructor(
    private readonly redis: Redis,
    private readonly options: RoomOptions,
  ) {}

  /** Does what puts bytes into Redis. @throws RocError OUT_OF_MEMORY where there is no room now, of which a note was given */
  async put(bytes: number, work: () => Promise<void>): Promise<void> {
    while (this.#isStale()) await (this.#looking ??= this.#look());
    if (this.#free <= 0 && (this.#sending > 0 || !this.options.isAlone())) throw this.#error("little");
    this.#free -= bytes;
    this.#sending += bytes;
    try {
      await work();
    } catch (error) {
      if (!isFull(error)) throw error;
      [this.#lookedAt, this.#refused] = [performance.now(), bytes];
      throw this.#tighten(this.#error("no"));
    } finally {
      this.#sending -= bytes;
    }
  }

  #isStale(): boolean {
    const age = performance.now() - this.#lookedAt;
    return this.#tightSince === undefined ? this.#free <= 0 || age > LOOK_MS : age > TIGHT_MS;
  }

  async #look(): Promise<void> {
    try {
      const { used, most } = await memoryOf(this.redis);
      this.#free = most === Infinity ? Infinity : (SHARE * most - used - this.#sending) * STEP;
      if (this.#free <= 0 || used + this.#refused >= most) {
        this.#tighten(this.#error(used < most ? "little" : "no"));
        await this.#wait(used >= most);
      } else {
        [this.#tightSince, this.#refused] = [undefined, 0];
        if (this.#isNoted && used < SHARE_TOLD * most) this.#note(false, "there is room in Redis again");
      }
    } finally {
      this.#lookedAt = performance.now();
      this.#looking = undefined;
    }
  }

  async #wait(isFull: boolean): Promise<void> {
    const now = performance.now();
    if (now - (this.#tightSince ?? now) < PATIENCE_MS) return;
    await this.options.makeRoom(isFull);
    this.#tightSince = now;
  }

  /** @returns the error, told where it is the first */
  #tighten(error: RocError): RocError {
    this.#free = Math.min(0, this.#free);
    if (!this.#isNoted) this.#note(true, `${error.message} It is tried again until there is room.`);
    this.#tightSince ??= performance.now();
    return error;
  }

  #note(isTight: boolean, text: string): void {
    this.#isNoted = isTight;
    this.options.onNote(text);
  }

  #error(amount: "little" | "no"): RocError {
    const remedy = "Raise it, or wait until workers have caught up; results that were received make room meanwhile.";
    return new RocError("OUT_OF_MEMORY", `Redis at ${this.options.address.shown} has ${amount} memory left (maxmemory). ${remedy}`); // prettier-ignore
  }
}

/** Whether there was no room for what was to be sent. */
export function isWithoutRoom(error: unknown): boolean {
  return isRocError(error) && error.code === "OUT_OF_MEMORY";
}
