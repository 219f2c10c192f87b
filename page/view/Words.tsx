/** What the checkpoint says in words. */
import type { JSX } from "preact";
import type { ScoreEntry } from "../api/types.js";
import type { Photo } from "../state/photo.js";

export function Words({ score }: { photo: Photo; score: ScoreEntry }): JSX.Element | null {
  return score.comment ? <blockquote>{score.comment}</blockquote> : null;
}
