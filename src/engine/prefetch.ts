/** Work on the next items of a stream while the consumer is busy with one. */

/**
 * `work` of every item, in order, at most `depth` of them at once and ahead of the consumer.
 *
 * The source is asked for one item at a time, and a slow source does not hold back what is done already. When the
 * consumer leaves, `signal` tells unfinished work to stop and the source is closed, but neither is waited for: a source
 * that waits for its next item could take forever.
 */
export async function* prefetch<In, Out>(
  source: AsyncIterator<In>,
  depth: number,
  work: (item: In, signal: AbortSignal) => Promise<Out>,
): AsyncGenerator<Out, void, void> {
  const controller = new AbortController();
  const { signal } = controller;
  let previous: Promise<IteratorResult<In>> | undefined;
  const start = (): Promise<{ value: Out } | undefined> => {
    const next = previous ? previous.then((last) => (last.done ? last : source.next())) : source.next();
    previous = next;
    const result = next.then(async (item) =>
      item.done || signal.aborted ? undefined : { value: await work(item.value, signal) },
    );
    // Whoever takes it sees the error; without this, one that nobody takes would end the process.
    result.catch(() => undefined);
    return result;
  };
  try {
    const slots = Array.from({ length: depth }, start);
    for (;;) {
      const slot = await slots.shift();
      if (!slot) return;
      slots.push(start());
      yield slot.value;
    }
  } finally {
    controller.abort();
    source.return?.().then(undefined, () => undefined);
  }
}

/** `promise`, unless the signal fires before: then `onAbort` says what to throw. */
export async function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: () => Error,
): Promise<T> {
  if (!signal) return promise;
  promise.catch(() => undefined);
  if (signal.aborted) throw onAbort();
  let listener = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    listener = () => reject(onAbort());
    signal.addEventListener("abort", listener, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}
