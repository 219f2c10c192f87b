/** The whole page. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../../src/errors.js";
import { app, visible } from "../state/app.js";
import { addFiles } from "../state/dropped.js";
import { filesOf } from "../state/files.js";
import { NO_FILTER } from "../state/photo.js";
import { useStore } from "../state/store.js";
import { Filters } from "./Filters.js";
import { Grid } from "./Grid.js";
import { Choose, Header } from "./Header.js";
import { KEYS, onKey } from "./keys.js";
import { Notices } from "./Notices.js";
import { Teach } from "./Teach.js";
import { Viewer } from "./Viewer.js";

export function App(): JSX.Element {
  const over = useDrop();
  const said = useStore(app, (state) => state.said);
  return (
    <>
      <Header />
      <Filters />
      <Notices />
      <main>
        <Photos />
      </main>
      <Viewer />
      <Teach />
      <Help />
      <p class="sr" role="status">
        {said}
      </p>
      {over && <div class="over">Drop photos or folders to score them</div>}
    </>
  );
}

function Photos(): JSX.Element {
  const photos = useStore(app, visible);
  const loading = useStore(app, (state) => state.loading);
  const any = useStore(app, (state) =>
    state.source === "library" ? (state.library ?? 0) > 0 : state.dropped.length > 0,
  );
  if (photos.length > 0) return <Grid />;
  if (loading) return <p class="empty quiet">Opening the library …</p>;
  return any ? <Nothing /> : <Empty />;
}

function Nothing(): JSX.Element {
  return (
    <div class="empty">
      <p>No photo passes these filters.</p>
      <button type="button" class="button" onClick={() => app.set({ filter: NO_FILTER })}>
        Show all photos
      </button>
    </div>
  );
}

function Empty(): JSX.Element {
  const source = useStore(app, (state) => state.source);
  return (
    <div class="empty">
      <svg viewBox="0 0 64 48" aria-hidden="true">
        <rect x="13" y="3" width="48" height="33" rx="4" />
        <rect x="3" y="11" width="48" height="33" rx="4" />
        <path d="M5 40l14-14 9 9 7-6 14 13" />
        <circle cx="38" cy="21" r="3.5" />
      </svg>
      <h2>{source === "library" ? "The library is empty" : "Drop photos here"}</h2>
      <p class="quiet">
        {source === "library" ? (
          <>
            Fill it with <code>roc4mllm library scan FOLDER</code>, or drop photos here to score them alone.
          </>
        ) : (
          "Files or whole folders; JPEG, HEIC, RAW and others. Or paste one, or choose. They are scored on this server and not kept."
        )}
      </p>
      <Choose label="Choose photos" />
    </div>
  );
}

/** Files that are dropped anywhere, or pasted, and the keys. @returns whether something is held over the page */
function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const gone = new AbortController();
    const on = <K extends keyof DocumentEventMap>(kind: K, handle: (event: DocumentEventMap[K]) => void): void =>
      document.addEventListener(kind, handle, { signal: gone.signal });
    on("dragover", (event) => {
      event.preventDefault();
      if (event.dataTransfer?.types.includes("Files")) setOver(true);
    });
    on("dragleave", (event) => event.relatedTarget === null && setOver(false));
    on("drop", (event) => {
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer)
        void filesOf(event.dataTransfer).then(addFiles, (error: unknown) =>
          app.set({ fault: `Nothing was added: ${messageOf(error)}` }),
        );
    });
    on("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) addFiles(files);
    });
    on("keydown", onKey);
    return () => gone.abort();
  }, []);
  return over;
}

function Help(): JSX.Element | null {
  const shown = useStore(app, (state) => state.help);
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    if (shown && !dialog.current?.open) dialog.current?.showModal();
  }, [shown]);
  if (!shown) return null;
  const hide = (): void => app.set({ help: false });
  return (
    <dialog ref={dialog} class="help" aria-labelledby="keys" onClose={hide}>
      <h2 id="keys">Keys</h2>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="button" onClick={hide} autofocus>
        Close
      </button>
    </dialog>
  );
}
