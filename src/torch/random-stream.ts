/** Random numbers that leave those of the rest of the program alone. */
import { fromTypedArray } from "./create.js";
import type { TypedArray } from "./dtype.js";
import { scope } from "./lifetime.js";
import { manualSeed } from "./modes.js";
import { native } from "./native.js";
import { ended } from "./synchronous.js";
import { Tensor } from "./tensor.js";

type States = readonly TypedArray[];

function statesNow(): States {
  return scope(() => native.generatorStates().map((handle) => new Tensor(handle).toArray()));
}

function restore(states: States): void {
  scope(() => {
    native.setGeneratorStates(states.map((state) => fromTypedArray(state, [state.length]).handle));
  });
}

/**
 * Random numbers of their own. Functions that {@link run} calls draw them from libtorch's generators, one after another as
 * if there were no other draws; in between the generators are those of the program.
 *
 * @category Gradients and modes
 */
export class RandomStream {
  #states: States | undefined;

  /**
   * A stream at its start.
   *
   * @param seed see {@link manualSeed}
   */
  constructor(private readonly seed: number | bigint) {}

  /**
   * Runs `body` with the numbers of this stream, and gives what it returns.
   *
   * @throws RocError USAGE where `body` returns a promise
   */
  run<T>(body: () => T): T {
    const before = statesNow();
    if (this.#states === undefined) manualSeed(this.seed);
    else restore(this.#states);
    try {
      return ended("RandomStream.run()", body());
    } finally {
      this.#states = statesNow();
      restore(before);
    }
  }
}
