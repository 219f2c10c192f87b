/** The other side of {@link Thread}: answers questions. */
import { parentPort, type TransferListItem } from "node:worker_threads";
import { packError } from "../engine/wire.js";
import type { Answer, Question } from "./thread.js";

/**
 * Answers every question that comes.
 *
 * @param buffers what of an answer is given away
 */
export function answerQuestions<Asked, Found>(
  answer: (asked: Asked) => Found | Promise<Found>,
  buffers: (found: Found) => readonly ArrayBufferLike[] = () => [],
): void {
  const reply = async ({ id, asked }: Question<Asked>): Promise<void> => {
    try {
      const found = await answer(asked);
      parentPort?.postMessage({ id, found } satisfies Answer<Found>, buffers(found) as TransferListItem[]);
    } catch (error) {
      parentPort?.postMessage({ id, error: packError(error) } satisfies Answer<Found>);
    }
  };
  parentPort?.on("message", (question: Question<Asked>) => void reply(question));
}
