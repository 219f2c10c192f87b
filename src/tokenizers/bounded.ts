/** Limits on what a checkpoint's files can make this program do: templates and regular expressions are untrusted programs. */
import { createContext, Script } from "node:vm";

/** Maximum characters of a text that a tokenizer's files produce; prompts have some thousand. */
export const MOST_TEXT = 16_000_000;

/** Far above what any real template or text takes, even on a busy machine. */
const SECONDS = 5;

const box: { run?: (() => void) | undefined } = createContext({});
const script = new Script("run()");

/**
 * The result of `work`, which is interrupted after five seconds, even inside a regular expression.
 *
 * @param tooLong creates the error for that
 */
export function inBoundedTime<T>(work: () => T, tooLong: (seconds: number) => Error): T {
  const outer = box.run;
  let result: { value: T } | undefined;
  box.run = () => (result = { value: work() });
  try {
    script.runInContext(box, { timeout: SECONDS * 1000 });
  } catch (error) {
    // It is an Error of the other context, so not an instance of this one's.
    if ((error as { code?: unknown } | null)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw tooLong(SECONDS);
    throw error;
  } finally {
    box.run = outer;
  }
  return (result as { value: T } | undefined)?.value as T;
}
