/** Gives readers broken files: what comes out is a value or one of our errors, soon. */
import { Random } from "../../src/random.js";
import { isRocError } from "../../src/errors.js";

export interface FuzzReader<T = unknown> {
  /** As the command line calls it. */
  readonly name: string;
  /** A broken input. */
  mutant(random: Random): T;
  /** Reads it, and uses what was read. */
  read(input: T): unknown;
}

/** What an input came to. */
export interface FuzzResult<T> {
  readonly input: T;
  /** What was read; absent where it was refused. */
  readonly accepted?: { readonly value: unknown };
  /** The message of the error that it was refused with. */
  readonly refused?: string;
}

/** Far above what any input takes, on a busy machine too. */
const MOST_SECONDS = 60;

/** The input of a number. */
export function mutantOf<T>(reader: FuzzReader<T>, seed: number, index: number): T {
  return reader.mutant(new Random(seed, reader.name, index));
}

/**
 * Reads the inputs `0` to `count` of a seed, each drawn by itself.
 *
 * @throws Error naming seed and number where a reader throws anything but a RocError, or INTERNAL, or takes over a minute
 */
export async function* fuzz<T>(reader: FuzzReader<T>, seed: number, count: number): AsyncGenerator<FuzzResult<T>> {
  for (let index = 0; index < count; index++) {
    const input = mutantOf(reader, seed, index);
    const before = process.cpuUsage();
    const result = await outcome(reader, input, `${reader.name} --seed ${seed}, input ${index}`);
    // Of this process, however busy the machine is.
    const seconds = process.cpuUsage(before).user / 1e6;
    if (seconds > MOST_SECONDS) throw new Error(`${reader.name} --seed ${seed}, input ${index}: took ${seconds} s`);
    yield result;
  }
}

async function outcome<T>(reader: FuzzReader<T>, input: T, label: string): Promise<FuzzResult<T>> {
  try {
    return { input, accepted: { value: await reader.read(input) } };
  } catch (cause) {
    if (isRocError(cause) && cause.code !== "INTERNAL") return { input, refused: cause.message };
    throw new Error(`${label}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`, { cause });
  }
}
