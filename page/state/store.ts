/** One value that views watch. */
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

export class Store<S extends object> {
  readonly #listeners = new Set<() => void>();

  constructor(public state: S) {}

  /** Replaces what is given and tells the views. */
  set(change: Partial<S>): void {
    this.state = { ...this.state, ...change };
    for (const listener of [...this.#listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** What `select` takes from the store; the view is drawn again when it is another value. */
export function useStore<S extends object, T>(store: Store<S>, select: (state: S) => T): T {
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0);
  const value = select(store.state);
  const last = useRef({ select, value });
  last.current = { select, value };
  useLayoutEffect(() => {
    const check = (): void => {
      if (!Object.is(last.current.select(store.state), last.current.value)) draw(undefined);
    };
    check();
    return store.subscribe(check);
  }, [store]);
  return value;
}
