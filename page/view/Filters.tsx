/** Which photos are shown. */
import type { JSX } from "preact";
import { app } from "../state/app.js";
import { NO_FILTER, restrictions, type Filter } from "../state/photo.js";
import { useStore } from "../state/store.js";

function set(change: Partial<Filter>): void {
  app.set({ filter: { ...app.state.filter, ...change } });
}

/** Letters of a text that is looked for: a file's name has no more. */
const LONGEST = 255;

const BEST = [undefined, 5, 10, 25, 50] as const;

export function Filters(): JSX.Element | null {
  const shown = useStore(app, (state) => state.filters);
  const filter = useStore(app, (state) => state.filter);
  const source = useStore(app, (state) => state.source);
  if (!shown) return null;
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <Choice
        label="Share"
        value={String(filter.best ?? "")}
        options={BEST.map((best) => [String(best ?? ""), best === undefined ? "All" : `Best ${best}%`])}
        onChange={(value) => set({ best: value === "" ? undefined : Number(value) })}
      />
      <Choice
        label="Stars"
        value={String(filter.stars)}
        options={[0, 1, 2, 3, 4, 5].map((stars) => [
          String(stars),
          stars === 0 ? "Any" : stars === 5 ? "5" : `${stars} or more`,
        ])}
        onChange={(value) => set({ stars: Number(value) })}
      />
      <Choice
        label="Flag"
        value={filter.flag}
        options={[["any", "Any"], ["pick", "Picked"], ["kept", "Not rejected"], ["reject", "Rejected"], ["unflagged", "Neither"]]} // prettier-ignore
        onChange={(value) => set({ flag: value as Filter["flag"] })}
      />
      <Text label="Name" value={filter.name} onInput={(name) => set({ name })} />
      {source === "library" && <LibraryFilters filter={filter} />}
      <button type="button" class="button" disabled={restrictions(filter) === 0} onClick={() => set(NO_FILTER)}>
        Clear
      </button>
    </form>
  );
}

function LibraryFilters({ filter }: { filter: Filter }): JSX.Element {
  return (
    <>
      <Text label="Folder" value={filter.folder} onInput={(folder) => set({ folder })} />
      <Text label="Camera" value={filter.camera} onInput={(camera) => set({ camera })} />
      <Text label="From" type="date" value={filter.from} onInput={(from) => set({ from })} />
      <Text label="To" type="date" value={filter.to} onInput={(to) => set({ to })} />
    </>
  );
}

function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly onChange: (value: string) => void;
}): JSX.Element {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select value={props.value} onChange={({ currentTarget }) => props.onChange(currentTarget.value)}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function Text(props: {
  readonly label: string;
  readonly value: string;
  readonly type?: "text" | "date";
  readonly onInput: (value: string) => void;
}): JSX.Element {
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        {...(props.type === "date" ? { type: "date" } : { type: "text" })}
        value={props.value}
        maxLength={LONGEST}
        onInput={({ currentTarget }) => props.onInput(currentTarget.value)}
      />
    </label>
  );
}
