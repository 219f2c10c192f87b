/** One photo, large, or two side by side. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { app, close, countOf, openedPhoto, step, visible } from "../state/app.js";
import type { Photo } from "../state/photo.js";
import { undo } from "../state/rating.js";
import { useStore } from "../state/store.js";
import { Compare, comparePartner, togglePin } from "./Compare.js";
import { isExplained, toggleHeat } from "./Heat.js";
import { IconButton } from "./icons.js";
import { Alerts } from "./Notices.js";
import { Panel } from "./Panel.js";
import { toggleZoom, Zoomable } from "./Zoomable.js";

export function Viewer(): JSX.Element | null {
  const view = useStore(app, (state) => state.view);
  const photo = useStore(app, openedPhoto);
  const panel = useStore(app, (state) => state.panel);
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = photo !== undefined;
  useLayoutEffect(() => {
    const element = dialog.current;
    if (!shown || !element || element.open) return;
    element.showModal();
    // Keys are the photo's, not a button's.
    element.querySelector<HTMLElement>(".stage, .compare")?.focus();
  }, [shown]);
  // Back where it came from.
  useEffect(() => {
    if (!shown && app.state.selected !== undefined) document.getElementById(`photo-${app.state.selected}`)?.focus();
  }, [shown]);
  if (!shown) return null;
  return (
    <dialog
      ref={dialog}
      class={`viewer ${panel && view === "photo" ? "with-panel" : ""}`}
      aria-label={photo.name}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClose={close}
    >
      <Bar photo={photo} />
      <section class="alerts" aria-label="Notices">
        <Alerts />
      </section>
      {view === "compare" ? <Compare photo={photo} /> : <Single photo={photo} />}
    </dialog>
  );
}

function Single({ photo }: { photo: Photo }): JSX.Element {
  const panel = useStore(app, (state) => state.panel);
  const heat = useStore(app, (state) => state.heat);
  usePreload(photo);
  return (
    <>
      <div class="stage" tabIndex={-1}>
        <Zoomable photo={photo} heated={heat && isExplained(photo)} />
      </div>
      {panel && <Panel photo={photo} />}
    </>
  );
}

function Bar({ photo }: { photo: Photo }): JSX.Element {
  const photos = useStore(app, visible);
  const count = useStore(app, countOf);
  const view = useStore(app, (state) => state.view);
  const pinned = useStore(app, (state) => state.pinned);
  const near = useStore(app, (state) => state.zoom.scale !== undefined);
  const panel = useStore(app, (state) => state.panel);
  const heat = useStore(app, (state) => state.heat);
  const changes = useStore(app, (state) => state.undo.length);
  const at = photos.findIndex(({ key }) => key === photo.key);
  const toCompare = (): void => app.set({ view: view === "compare" ? "photo" : "compare" });
  return (
    <div class="bar" role="toolbar" aria-label="Photo">
      <IconButton icon="close" label="Back to all photos" hotkey="Esc" onClick={close} />
      <span class="where" aria-live="polite">
        {at < 0 ? "" : `${(at + 1).toLocaleString()} of ${count.toLocaleString()}`}
      </span>
      <IconButton icon="back" label="Previous" hotkey="←" disabled={at <= 0} onClick={() => void step(-1)} />
      <IconButton
        icon="forward"
        label="Next"
        hotkey="→"
        disabled={at === photos.length - 1}
        onClick={() => void step(1)}
      />
      <span class="space" />
      <IconButton icon="zoom" label="100%" hotkey="Z" pressed={near} onClick={() => toggleZoom()} />
      {isExplained(photo) && (
        <IconButton
          icon="heat"
          label="What moves the score"
          hotkey="H"
          pressed={heat && view === "photo"}
          disabled={view === "compare"}
          onClick={toggleHeat}
        />
      )}
      <IconButton
        icon="compare"
        label="Compare"
        hotkey="Space"
        pressed={view === "compare"}
        disabled={!comparePartner(photo)}
        onClick={toCompare}
      />
      <IconButton
        icon="pin"
        label="Reference"
        hotkey="R"
        pressed={pinned === photo.key}
        onClick={() => togglePin(photo)}
      />
      <IconButton icon="undo" label="Undo" hotkey="Ctrl+Z" disabled={changes === 0} onClick={undo} />
      <IconButton
        icon="panel"
        label="Details"
        hotkey="I"
        pressed={panel && view === "photo"}
        disabled={view === "compare"}
        onClick={() => app.set({ panel: !panel })}
      />
    </div>
  );
}

/** Has the browser fetch what comes next. */
function usePreload({ key }: Photo): void {
  useEffect(() => {
    const photos = visible(app.state);
    const at = photos.findIndex((other) => other.key === key);
    for (const by of [1, -1]) {
      const address = photos[at + by]?.image;
      if (address) new Image().src = address;
    }
  }, [key]);
}
