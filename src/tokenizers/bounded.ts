/** Bounds for what a checkpoint's files make this program do: templates and regular expressions are programs of strangers. */
import { createContext, Script } from "node:vm";

/** Characters of a text that a tokenizer's files may make; prompts have some thousand. */
export const MOST_TEXT = 16_000_000;

/** Far above what any real template or text takes, on a busy machine too. */
const SECONDS = 5;

const box: { run?: (() => void) | undefined } = createContext({});
const script = new Script("run()");

/**
 * The result of `work`, which is stopped wherever it is after five seconds: inside of a regular expression too.
 *
 * @param tooLong makes the error of that
 */
export function inBoundedTime<T>(work: () => T, tooLong: (seconds: number) => Error): T {
  const outer = box.run;
  let result: { value: T } | undefined;
  box.run = () => (result = { value: work() });
  try {
    script.runInContext(box, { timeout: SECONDS * 1000 });
  } catch (error) {
    // It is an Error of the other context, so no instance of ours.
    if ((error as { code?: unknown } | null)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw tooLong(SECONDS);
    throw error;
  } finally {
    box.run = outer;
  }
  return (result as { value: T } | undefined)?.value as T;
}
