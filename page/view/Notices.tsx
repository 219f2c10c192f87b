/** What a person should know: who judges, what failed, what goes on. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { setToken } from "../api/client.js";
import { app, openedPhoto } from "../state/app.js";
import { checkServer } from "../state/server.js";
import { useStore } from "../state/store.js";
import { countText } from "./numbers.js";

export function Notices(): JSX.Element {
  // An open photo lies above everything, and has the alerts itself.
  const opened = useStore(app, (state) => openedPhoto(state) !== undefined);
  return (
    <section class="notices" aria-label="Notices">
      {!opened && <Alerts />}
      <JudgeLine />
      <Progress />
    </section>
  );
}

/** What a person has to know or to do now. */
export function Alerts(): JSX.Element {
  const server = useStore(app, (state) => state.server);
  const fault = useStore(app, (state) => state.fault);
  return (
    <>
      {server === "gone" && (
        <p class="notice fault" role="alert">
          The server does not answer. What you see stays; scoring goes on when it is back.
        </p>
      )}
      {server === "locked" && <Unlock />}
      {fault !== undefined && (
        <p class="notice fault" role="alert">
          <span>{fault}</span>
          <button type="button" class="button" onClick={() => app.set({ fault: undefined })}>
            Close
          </button>
        </p>
      )}
    </>
  );
}

/** Which checkpoint speaks, and what it is worth on real photographs. */
function JudgeLine(): JSX.Element | null {
  const judge = useStore(app, (state) => state.judge);
  if (!judge) return null;
  return (
    <p class="notice judge-line">
      <span>
        Judge: <b>{judge.name}</b>. {judge.worth}
      </span>
    </p>
  );
}

function Progress(): JSX.Element | null {
  const scan = useStore(app, (state) => state.scan);
  const waiting = useStore(app, (state) => state.dropped.filter(({ score, failure }) => !score && !failure).length);
  const all = useStore(app, (state) => state.dropped.length);
  if (scan !== undefined)
    return <Bar done={scan} total={undefined} label={`Scanning: ${countText(scan, "photo")} scored`} />;
  if (waiting === 0) return null;
  return <Bar done={all - waiting} total={all} label={`Scoring: ${all - waiting} of ${countText(all, "photo")}`} />;
}

function Bar({ done, total, label }: { done: number; total: number | undefined; label: string }): JSX.Element {
  return (
    <div class="notice progress">
      <span>{label}</span>
      <progress aria-label={label} max={total ?? 1} {...(total !== undefined && { value: done })} />
    </div>
  );
}

function Unlock(): JSX.Element {
  const [value, setValue] = useState("");
  const [refusal, setRefusal] = useState<string | undefined>(undefined);
  const submit = (event: Event): void => {
    event.preventDefault();
    setRefusal(undefined);
    // What is pasted often brings blanks and the end of its line.
    setToken(value.trim());
    void checkServer().then(setRefusal);
  };
  return (
    <form class="notice fault" onSubmit={submit}>
      <label class="field">
        <span>This server asks for its token</span>
        <input
          type="password"
          autocomplete="current-password"
          value={value}
          onInput={({ currentTarget }) => setValue(currentTarget.value)}
        />
      </label>
      <button type="submit" class="button" disabled={value.trim() === ""}>
        Unlock
      </button>
      {refusal !== undefined && <span role="alert">{refusal}</span>}
    </form>
  );
}
