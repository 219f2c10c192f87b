/** Photos that a person drops, chooses or pastes: their thumbnails, and their scores from the server. */
import { request, ServerError } from "../api/client.js";
import type { ScoreAnswer } from "../api/types.js";
import { app, say, update } from "./app.js";
import { folderOf, isPicture } from "./files.js";
import { withPercentiles, type Photo } from "./photo.js";
import { noteFault, untilReady } from "./server.js";
import { pause } from "./wait.js";

/** Longest side of a thumbnail in pixels. */
const THUMBNAIL = 640;
/** Photos and bytes of a request: the first scores come soon, and no request is large. */
const AT_ONCE = 4;
const BYTES_AT_ONCE = 24 * 2 ** 20;
/** Requests at a time: one is computed while the next is sent. */
const REQUESTS = 2;

const files = new Map<string, File>();
const toShow: string[] = [];
const toScore: string[] = [];
let [showing, scoring] = [false, 0];

/** Adds the pictures among files. */
export function addFiles(given: readonly File[]): void {
  const known = new Map([...files].map(([key, file]) => [identityOf(file), key]));
  const pictures = given.filter(isPicture);
  const fresh = pictures.filter((file) => !known.has(identityOf(file)));
  const again = retried(pictures.flatMap((file) => known.get(identityOf(file)) ?? []));
  const photos = fresh.map((file): Photo => {
    const key = `d${files.size}`;
    files.set(key, file);
    toShow.push(key);
    toScore.push(key);
    return blank(key, file);
  });
  app.set({ dropped: [...app.state.dropped, ...photos], source: "dropped" });
  const others = given.length - pictures.length;
  say(
    [
      `${photos.length} photos added`,
      again > 0 && `${again} tried again`,
      others > 0 && `${others} other files left out`,
    ]
      .filter(Boolean)
      .join(", "),
  );
  void showAll();
  scoreMore();
}

/** Has those scored again that could not be. @returns how many they are */
function retried(keys: readonly string[]): number {
  const failed = keys.filter((key) => app.state.dropped.some((photo) => photo.key === key && photo.failure));
  for (const key of failed) update(key, { failure: undefined });
  toScore.push(...failed);
  return failed.length;
}

function identityOf(file: File): string {
  return [folderOf(file), file.name, file.size, file.lastModified].join("\n");
}

function blank(key: string, file: File): Photo {
  const sizes = { thumbnail: undefined, image: undefined, viewable: undefined, width: undefined, height: undefined };
  return { key, name: file.name, folder: folderOf(file), bytes: file.size, ...sizes, stars: 0, flag: undefined };
}

/** The bytes of a photo that was dropped. */
export function fileOf(key: string): File | undefined {
  return files.get(key);
}

/** Makes thumbnails one after another: a decoded photo takes a hundred megabytes. */
async function showAll(): Promise<void> {
  if (showing) return;
  showing = true;
  for (let key = toShow.shift(); key !== undefined; key = toShow.shift()) {
    const file = files.get(key);
    if (file) update(key, await picture(file).catch(() => ({ viewable: false })));
  }
  showing = false;
}

async function picture(file: File): Promise<Partial<Photo>> {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const image = URL.createObjectURL(file);
  const scale = Math.min(1, THUMBNAIL / Math.max(width, height));
  if (scale === 1) {
    bitmap.close();
    return { thumbnail: image, image, viewable: true, width, height };
  }
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d");
  if (context) context.imageSmoothingQuality = "high";
  context?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const thumbnail = URL.createObjectURL(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 }));
  return { thumbnail, image, viewable: true, width, height };
}

function scoreMore(): void {
  while (scoring < REQUESTS && toScore.length > 0) {
    scoring++;
    void scoreBatch(nextBatch()).finally(() => {
      scoring--;
      scoreMore();
      if (scoring === 0) sayScored();
    });
  }
}

function sayScored(): void {
  const scored = app.state.dropped.filter(({ score }) => score).length;
  const failed = app.state.dropped.filter(({ failure }) => failure).length;
  say(failed > 0 ? `${scored} photos scored, ${failed} could not be` : `${scored} photos scored`);
}

function nextBatch(): string[] {
  const batch: string[] = [];
  let bytes = 0;
  while (batch.length < AT_ONCE && toScore[0] !== undefined) {
    bytes += files.get(toScore[0])?.size ?? 0;
    if (batch.length > 0 && bytes > BYTES_AT_ONCE) break;
    batch.push(toScore.shift() as string);
  }
  return batch;
}

/** Scores photos; waits where the server is full or gone, and asks for each alone where it refuses them together. */
async function scoreBatch(keys: readonly string[]): Promise<void> {
  try {
    const readable = await stillThere(keys);
    if (readable.length > 0) take(readable, await ask(readable));
  } catch (error) {
    const isFull = error instanceof ServerError && (error.status === 429 || error.status === 503);
    if (noteFault(error) || isFull || !(error instanceof ServerError)) {
      toScore.unshift(...keys);
      return isFull ? pause(error.retryAfter * 1000) : untilReady();
    }
    if (keys.length > 1) for (const key of keys) await scoreBatch([key]);
    else for (const key of keys) update(key, { failure: { code: error.code, message: error.message } });
  }
}

/** Those whose files can still be read; of the others it is said. */
async function stillThere(keys: readonly string[]): Promise<string[]> {
  const readable = async (key: string): Promise<string[]> => {
    const file = files.get(key) ?? new Blob();
    return file.slice(0, 1).arrayBuffer().then(
      () => [key],
      () => {
        update(key, { failure: { code: "FILE_UNREADABLE", message: "The file cannot be read any more. Add it again." } });
        return [];
      },
    ); // prettier-ignore
  };
  return (await Promise.all(keys.map(readable))).flat();
}

async function ask(keys: readonly string[]): Promise<ScoreAnswer> {
  const body = new FormData();
  for (const key of keys) {
    const file = files.get(key);
    if (file) body.append("file", file, file.name);
  }
  return (await (await request("v1/score", { method: "POST", body })).json()) as ScoreAnswer;
}

/** Enters results; percentiles are those among the photos of this page. */
function take(keys: readonly string[], { results }: ScoreAnswer): void {
  const found = new Map(keys.map((key, i) => [key, results[i]]));
  const dropped = app.state.dropped.map((photo): Photo => {
    const result = found.get(photo.key);
    if (!result) return photo;
    return "score" in result ? { ...photo, score: result, failure: undefined } : { ...photo, failure: result.error };
  });
  app.set({ dropped: withPercentiles(dropped) });
}
