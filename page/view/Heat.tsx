/** What moves a photo's score, over the photo: blue parts lift it, orange parts lower it. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { smoothed } from "../../src/metrics/cells.js";
import { get, ServerError } from "../api/client.js";
import type { HeatMap } from "../api/types.js";
import { app, say } from "../state/app.js";
import { libraryId, type Photo } from "../state/photo.js";
import { noteFault } from "../state/server.js";

/** Those that were fetched, by the photo's key. */
const known = new Map<string, HeatMap>();
const MOST_KNOWN = 200;

/** Whether a photo can be explained: the server has those of the library alone. */
export function isExplained(photo: Photo): boolean {
  return libraryId(photo) !== undefined && photo.failure === undefined;
}

export function toggleHeat(): void {
  app.set({ heat: !app.state.heat });
}

/** Fetches a photo's map; says why there is none. */
function useHeat(photo: Photo): HeatMap | undefined {
  const [map, setMap] = useState<HeatMap | undefined>(known.get(photo.key));
  useEffect(() => {
    const found = known.get(photo.key);
    setMap(found);
    const id = libraryId(photo);
    if (found || id === undefined) return;
    const gone = new AbortController();
    say("Looking for what moves the score …");
    get<HeatMap>(`v1/library/photos/${id}/explain`, gone.signal)
      .then((fetched) => {
        if (known.size >= MOST_KNOWN) known.clear();
        known.set(photo.key, fetched);
        setMap(fetched);
        say("Blue parts lift the score, orange parts lower it");
      })
      .catch((error: unknown) => {
        if (gone.signal.aborted) return;
        if (error instanceof ServerError) app.set({ said: error.message, heat: false });
        else noteFault(error);
      });
    return () => gone.abort();
  }, [photo.key]);
  return map;
}

/** Where a photo lies in its frame, as style. */
export type Box = Readonly<Record<"width" | "height" | "transform", string>>;

/** @param style where the photo lies in its frame */
export function Heat({ photo, style }: { photo: Photo; style: Box }): JSX.Element | null {
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useHeat(photo);
  useEffect(() => {
    if (map && canvas.current) draw(canvas.current, map);
  }, [map]);
  if (!map) return <p class="heat-wait">Looking for what moves the score …</p>;
  const label = "What moves the score: blue parts lift it, orange parts lower it";
  return (
    <>
      <canvas
        ref={canvas}
        class="heat"
        role="img"
        aria-label={label}
        width={map.columns}
        height={map.rows}
        style={style}
      />
      <p class="heat-legend" aria-hidden="true">
        <span class="lowers" /> lowers the score
        <span class="lifts" /> lifts it
      </p>
    </>
  );
}

/** As the command line's pictures are coloured. */
const [LIFTS, LOWERS] = [
  [33, 102, 204],
  [255, 127, 14],
] as const;
const MOST = 210;

/** A pixel a cell, which the browser enlarges softly. */
function draw(canvas: HTMLCanvasElement, { values: given, columns, rows, scale }: HeatMap): void {
  const values = smoothed({ values: given.map((value) => value ?? NaN), columns, rows });
  const sizes = [...values]
    .filter((value) => !Number.isNaN(value))
    .map(Math.abs)
    .sort((a, b) => a - b);
  const strong = Math.max(sizes[Math.floor(0.98 * sizes.length)] ?? 0, 1e-4 * (scale.max - scale.min));
  const picture = new ImageData(columns, rows);
  for (const [cell, value] of values.entries()) {
    const colour = Number.isNaN(value) ? [0, 0, 0] : value < 0 ? LOWERS : LIFTS;
    const strength = Number.isNaN(value) ? 0.7 : Math.min(1, Math.abs(value) / strong);
    picture.data.set([...colour, MOST * strength], cell * 4);
  }
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
}
