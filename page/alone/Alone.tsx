/** The page: photos that are dropped or chosen, best first, each with its score and spread. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { filesOf } from "../state/files.js";
import { Distribution } from "../view/Distribution.js";
import { countText, exactText } from "../view/numbers.js";
import { bestFirst, Judge, type Photo, type State } from "./judge.js";

export function Alone(): JSX.Element {
  const judge = useRef<Judge | undefined>(undefined);
  const [state, setState] = useState<State>({ manifest: undefined, fault: undefined, photos: [], leftOut: 0 });
  useEffect(() => {
    judge.current ??= new Judge(setState);
  }, []);
  const add = (files: readonly File[]): void => judge.current?.add(files);
  const isOver = useDrops(add);
  return (
    <>
      <header>
        <h1>Photos, best first</h1>
        <div class="tools">
          <Chooser onFiles={add} />
        </div>
      </header>
      <Lines state={state} />
      <main>{state.photos.length === 0 ? <Empty /> : <Photos state={state} />}</main>
      {isOver && <div class="over">Drop photos to score them</div>}
    </>
  );
}

/** Files that are dropped anywhere on the page. @returns whether something is held over it */
function useDrops(add: (files: readonly File[]) => void): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent): void => {
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer) void filesOf(event.dataTransfer).then(add);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  return isOver;
}

function Chooser({ onFiles }: { onFiles: (files: readonly File[]) => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="button primary" onClick={() => input.current?.click()}>
        Add photos
      </button>
      <input
        ref={input}
        class="file"
        type="file"
        multiple
        accept="image/*"
        aria-label="Photos"
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Who judges, what is wrong, and how far it is. */
function Lines({ state: { manifest, fault, photos, leftOut } }: { state: State }): JSX.Element {
  const done = photos.filter(({ result, failure }) => result ?? failure).length;
  const failed = photos.filter(({ failure }) => failure).length;
  const progress =
    done < photos.length
      ? `Scoring: ${done} of ${countText(photos.length, "photo")}`
      : `${countText(done - failed, "photo")} scored${failed > 0 ? `, ${failed} could not be` : ""}`;
  const others = leftOut > 0 ? `; ${countText(leftOut, "other file")} left out` : "";
  return (
    <section aria-label="Notices">
      {fault !== undefined && (
        <p class="notice fault" role="alert">
          {fault}
        </p>
      )}
      <p class="notice judge-line">
        {manifest ? (
          <span>
            Judge: <b>{manifest.checkpoint.name}</b>. {manifest.checkpoint.worth} Photos stay in this browser.
          </span>
        ) : (
          <span>{fault === undefined ? "The model is being loaded." : "There is no model."}</span>
        )}
      </p>
      <p class="notice" role="status">
        {photos.length > 0 ? progress : "No photos yet"}
        {others}
      </p>
    </section>
  );
}

function Empty(): JSX.Element {
  return (
    <div class="empty">
      <h2>Drop photos or folders here</h2>
      <p class="quiet">
        They are scored in this browser, by a model that the page has loaded. Nothing is sent anywhere, and it works
        without a network.
      </p>
    </div>
  );
}

function Photos({ state }: { state: State }): JSX.Element {
  return (
    <ol class="cards" aria-label="Photos, best first">
      {bestFirst(state.photos).map((photo) => (
        <Card key={photo.id} photo={photo} manifest={state.manifest} />
      ))}
    </ol>
  );
}

function Card({ photo, manifest }: { photo: Photo; manifest: State["manifest"] }): JSX.Element {
  const { folder, result, failure } = photo;
  const name = folder === "" ? photo.name : `${folder}/${photo.name}`;
  if (!result || !manifest) {
    return (
      <li class="card" data-name={name}>
        <span class="name">{name}</span>
        {failure === undefined ? <span class="quiet">waits</span> : <span class="failure">{failure}</span>}
      </li>
    );
  }
  const { scale } = manifest;
  const { score, spread, distribution, attributes, address } = result;
  return (
    <li class="card" data-name={name} data-score={score} data-spread={spread} data-times={result.times.join(" ")}>
      <img src={address} alt="" />
      <span class="figure">
        <b>{exactText(score)}</b>
        <span class="quiet">
          {" "}
          ± {exactText(spread)}, {scale.min} to {scale.max}
        </span>
      </span>
      <span class="name">{name}</span>
      {Object.keys(attributes).length > 0 && (
        <span class="quiet">
          {Object.entries(attributes)
            .map(([key, value]) => `${key} ${exactText(value)}`)
            .join(", ")}
        </span>
      )}
      <details>
        <summary>Predicted ratings</summary>
        <Distribution score={{ score, std: spread, scale, distribution: [...distribution] }} />
      </details>
    </li>
  );
}
