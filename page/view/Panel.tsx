/** What is known of one photo: the score and what it is made of, words, and what the camera noted. */
import type { JSX } from "preact";
import { app } from "../state/app.js";
import { shownScore, type Facts, type Photo } from "../state/photo.js";
import { useStore } from "../state/store.js";
import { Attributes, Distribution } from "./Distribution.js";
import { bestText, bytesText, exactText, exposureText, intervalText, takenText } from "./numbers.js";
import { Rate } from "./Rate.js";
import { Words } from "./Words.js";

export function Panel({ photo }: { photo: Photo }): JSX.Element {
  const judge = useStore(app, (state) => state.judge);
  const { score, taste, failure } = photo;
  const liked = shownScore(photo);
  return (
    <aside class="panel" aria-label="About this photo" tabIndex={0}>
      <h2>{photo.name}</h2>
      {score && (
        <p class="verdict">
          <strong>{exactText(score.score)}</strong>
          {score.std !== null && <span>± {exactText(score.std)}</span>}
          <span class="quiet">
            of {score.scale.min} to {score.scale.max}
          </span>
          {bestText(photo.percentile) && <span class="chip">{bestText(photo.percentile)}</span>}
        </p>
      )}
      {score?.interval && <p class="quiet">Rated {intervalText(score.interval)} of such photos</p>}
      {taste && liked !== undefined && (
        <p class="liked">
          <strong>{exactText(liked)}</strong> by the taste <b>{taste.name}</b>
        </p>
      )}
      {failure && <p class="fault">{failure.message}</p>}
      {!score && !failure && <p class="quiet">Waiting for its score …</p>}
      <Rate photo={photo} />
      {score && <Distribution score={score} />}
      {score && <Attributes score={score} />}
      {score && <Words key={photo.key} photo={photo} score={score} />}
      <FactList photo={photo} />
      {judge && (
        <p class="judge">
          Judged by <b>{score?.model ?? judge.name}</b>. {judge.worth}
        </p>
      )}
    </aside>
  );
}

function FactList({ photo }: { photo: Photo }): JSX.Element | null {
  const rows = factsOf(photo);
  if (rows.length === 0) return null;
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Names and values, of what is known. */
function factsOf(photo: Photo): [string, string][] {
  const { facts = {}, width, height, bytes, folder } = photo;
  const rows: [string, string | undefined][] = [
    ["Taken", facts.taken && takenText(facts.taken)],
    ["Camera", facts.camera],
    ["Lens", facts.lens],
    ["Exposure", exposureOf(facts)],
    ["Size", width && height ? `${width} × ${height}${bytes === undefined ? "" : `, ${bytesText(bytes)}`}` : undefined],
    ["Folder", folder],
  ];
  return rows.flatMap(([name, value]) => (value ? [[name, value] satisfies [string, string]] : []));
}

function exposureOf({ exposureTime, aperture, iso, exposureBias, focalLength }: Facts): string {
  const parts = [
    exposureTime !== undefined && exposureText(exposureTime),
    aperture !== undefined && `f/${Number(aperture.toFixed(1))}`,
    iso !== undefined && `ISO ${iso}`,
    exposureBias !== undefined && exposureBias !== 0 && `${exposureBias > 0 ? "+" : ""}${exposureBias.toFixed(1)} EV`,
    focalLength !== undefined && `${focalLength} mm`,
  ];
  return parts.filter(Boolean).join("  ");
}
