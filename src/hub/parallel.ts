/** Work on several things at once. */

/** `work` of every item, `width` at once; the first fault stops the rest and is thrown. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const fault = new AbortController();
  const either = signal ? AbortSignal.any([signal, fault.signal]) : fault.signal;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      either.throwIfAborted();
      await work(items[next++] as T, either);
    }
  };
  // The first to abort is the reason; what the others throw is its consequence.
  await Promise.all(Array.from({ length: width }, () => lane().catch((error: unknown) => fault.abort(error))));
  either.throwIfAborted();
}
