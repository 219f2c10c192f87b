/** Bounded concurrency. */

/** Runs `work` for every item, `width` concurrently; the first error stops the rest and is thrown. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      either.throwIfAborted();
      await work(items[next++] as T, either);
    }
  };
  // The first error is the reason; those of the others are its consequence.
  await Promise.all(Array.from({ length: width }, () => lane().catch((error: unknown) => failure.abort(error))));
  either.throwIfAborted();
}
