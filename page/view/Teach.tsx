/** Teaching a taste: two photos, of which a person chooses the one they like better. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { app } from "../state/app.js";
import type { Photo } from "../state/photo.js";
import { useStore } from "../state/store.js";
import { answer, ask, closeTeaching, learn, unanswer } from "../state/taste.js";
import { IconButton } from "./icons.js";
import { countText } from "./numbers.js";

/** From how many answers on learning is worth a try. */
const ENOUGH = 10;

export function Teach(): JSX.Element | null {
  const teaching = useStore(app, (state) => state.teaching);
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = teaching !== undefined;
  useLayoutEffect(() => {
    if (shown && !dialog.current?.open) dialog.current?.showModal();
  }, [shown]);
  if (!teaching) return null;
  const { photos, answers, last, busy, told } = teaching;
  return (
    <dialog ref={dialog} class="teach" aria-labelledby="teach" onClose={closeTeaching} onKeyDown={onKey}>
      <div class="top">
        <h2 id="teach">Which do you like better?</h2>
        <IconButton icon="close" label="Close" hotkey="Esc" onClick={closeTeaching} />
      </div>
      {photos ? (
        <div class="two">
          <Choice photo={photos[0]} side={0} busy={busy} />
          <Choice photo={photos[1]} side={1} busy={busy} />
        </div>
      ) : (
        <p class="empty quiet">{busy ? "Looking for two photos …" : "There are no two photos left to ask about."}</p>
      )}
      <div class="row">
        <span>{countText(answers, "answer")}</span>
        <button type="button" class="button" disabled={busy || !photos} onClick={() => void ask()}>
          Cannot say
        </button>
        <IconButton
          icon="undo"
          label="Take the last answer back"
          disabled={busy || last === undefined}
          onClick={() => void unanswer()}
        />{" "}
        {/* prettier-ignore */}
        <span class="wide" />
        <button type="button" class="button" disabled={busy} onClick={() => void learn("stars")}>
          Learn from my stars
        </button>
        <button
          type="button"
          class="button primary"
          disabled={busy || answers < ENOUGH}
          onClick={() => void learn("pairs")}
        >
          {" "}
          {/* prettier-ignore */}
          Learn from answers
        </button>
      </div>
      <p class="told" role="status">
        {told ??
          `50 answers tell something, 200 a good deal. What is learned is kept only where it orders photos that it has not seen better than the checkpoint does.`}
      </p>
    </dialog>
  );
}

function Choice({ photo, side, busy }: { photo: Photo; side: 0 | 1; busy: boolean }): JSX.Element {
  const key = side === 0 ? "←" : "→";
  return (
    <button
      type="button"
      class="choice"
      disabled={busy}
      aria-label={`${photo.name} is better (${key})`}
      onClick={() => void answer(side)}
    >
      {" "}
      {/* prettier-ignore */}
      <img src={photo.image} alt="" />
      <span>
        <kbd>{key}</kbd> {photo.name}
      </span>
    </button>
  );
}

function onKey(event: KeyboardEvent): void {
  const side = event.key === "ArrowLeft" ? 0 : event.key === "ArrowRight" ? 1 : undefined;
  // The page's own keys rate what lies beneath.
  event.stopPropagation();
  if (side === undefined) return;
  event.preventDefault();
  void answer(side);
}
