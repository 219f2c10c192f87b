/** The line above the photos. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { app, visible } from "../state/app.js";
import { addFiles } from "../state/dropped.js";
import { ACCEPTED } from "../state/files.js";
import { restrictions, type Sort } from "../state/photo.js";
import { undo } from "../state/rating.js";
import { useStore } from "../state/store.js";
import { openTeaching } from "../state/taste.js";
import { IconButton } from "./icons.js";

export function Header(): JSX.Element {
  const source = useStore(app, (state) => state.source);
  const library = useStore(app, (state) => state.library);
  const dropped = useStore(app, (state) => state.dropped.length);
  return (
    <header>
      <h1>
        roc4mllm<span class="sr"> photos</span>
      </h1>
      {library !== undefined && (
        <div class="tabs" role="group" aria-label="Which photos">
          <button type="button" aria-pressed={source === "library"} onClick={() => app.set({ source: "library" })}>
            Library <small>{library.toLocaleString()}</small>
          </button>
          <button type="button" aria-pressed={source === "dropped"} onClick={() => app.set({ source: "dropped" })}>
            Dropped <small>{dropped.toLocaleString()}</small>
          </button>
        </div>
      )}
      <Tools />
    </header>
  );
}

function Tools(): JSX.Element {
  const sort = useStore(app, (state) => state.sort);
  const filter = useStore(app, (state) => state.filter);
  const filters = useStore(app, (state) => state.filters);
  const size = useStore(app, (state) => state.size);
  const changes = useStore(app, (state) => state.undo.length);
  const stacks = useStore(app, (state) => state.stacks);
  const bursts = useStore(app, ({ source, shelf }) => source === "library" && shelf.some(({ burst }) => burst));
  const active = restrictions(filter);
  return (
    <div class="tools">
      <label class="field sort">
        <span class="sr">Order</span>
        <select value={sort} onChange={({ currentTarget }) => app.set({ sort: currentTarget.value as Sort })}>
          <option value="score">Best first</option>
          <option value="taken">Newest first</option>
          <option value="name">By name</option>
        </select>
      </label>
      <TasteChoice />
      <IconButton
        icon="filter"
        label={active > 0 ? `Filters, ${active} set` : "Filters"}
        pressed={filters}
        onClick={() => app.set({ filters: !filters })}
      />
      <label class="field size">
        <span class="sr">Size of the photos</span>
        <input
          type="range"
          min={90}
          max={480}
          step={10}
          value={size}
          onInput={({ currentTarget }) => app.set({ size: Number(currentTarget.value) })}
        />
      </label>
      {bursts && (
        <IconButton icon="stack" label="Stack bursts" pressed={stacks} onClick={() => app.set({ stacks: !stacks })} />
      )}
      <IconButton icon="undo" label="Undo" hotkey="Ctrl+Z" disabled={changes === 0} onClick={undo} />
      <IconButton icon="keys" label="Keys" hotkey="?" onClick={() => app.set({ help: true })} />
      <Save />
      <Choose label="Add photos" />
    </div>
  );
}

/** In the place of a name: opens what teaches one. */
const TEACH = "\n";

/** By whose taste the library is ordered. */
function TasteChoice(): JSX.Element | null {
  const source = useStore(app, (state) => state.source);
  const library = useStore(app, (state) => state.library);
  const tastes = useStore(app, (state) => state.tastes);
  const taste = useStore(app, (state) => state.taste);
  if (source !== "library" || !library) return null;
  const choose = (select: HTMLSelectElement): void => {
    const { value } = select;
    select.value = taste ?? "";
    if (value === TEACH) openTeaching();
    else app.set({ taste: value === "" ? undefined : value });
  };
  return (
    <label class="field taste">
      <span class="sr">Taste</span>
      <select value={taste ?? ""} onChange={({ currentTarget }) => choose(currentTarget)}>
        <option value="">Checkpoint</option>
        {tastes.map(({ name }) => (
          <option key={name} value={name}>
            {`Taste: ${name}`}
          </option>
        ))}
        <option value={TEACH}>Teach your taste …</option>
      </select>
    </label>
  );
}

/** A button that opens the system's choice of files. */
export function Choose({ label }: { label: string }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        class="file"
        type="file"
        accept={ACCEPTED}
        multiple
        tabIndex={-1}
        aria-label={label}
        onChange={({ currentTarget }) => {
          addFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
      <IconButton icon="add" label={label} named={true} kind="primary" onClick={() => input.current?.click()} />
    </>
  );
}

/** Takes the ratings of dropped photos home: they have no folder that the server knows. */
function Save(): JSX.Element | null {
  const source = useStore(app, (state) => state.source);
  const any = useStore(app, (state) => visible(state).length > 0);
  if (source !== "dropped" || !any) return null;
  return <IconButton icon="save" label="Save as CSV" onClick={saveCsv} />;
}

function saveCsv(): void {
  const cell = (value: string | number | undefined): string => {
    const text = String(value ?? "");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const photos = visible(app.state);
  const isCalibrated = photos.some(({ score }) => score?.interval);
  const rows = photos.map(({ name, folder, score, stars, flag }) =>
    [folder ? `${folder}/${name}` : name, score?.score, score?.std ?? "", stars || "", flag, score?.model]
      .concat(isCalibrated ? [score?.interval?.low, score?.interval?.high, score?.interval?.level] : [])
      .map(cell)
      .join(","),
  );
  const text = [`file,score,std,stars,flag,model${isCalibrated ? ",low,high,level" : ""}`, ...rows, ""].join("\r\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "photos.csv";
  link.click();
  app.set({ kept: visible(app.state) });
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
