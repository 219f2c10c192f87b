/** The worker in which photos are decoded and scored, one after another: the page stays free. */
import { messageOf } from "../../src/errors.js";
import { Tensor } from "onnxruntime-web/wasm";
import { plainSquare } from "../../src/image/plain-squares.js";
import { load, type Loaded } from "./load.js";
import type { Asked, Scored, Told } from "./messages.js";
import { openPicture } from "./picture.js";

const tell = (told: Told): void => self.postMessage(told);

let loaded: Promise<Loaded> | undefined;

/** Ends with the photo before. */
let before: Promise<unknown> = Promise.resolve();

self.addEventListener("message", ({ data }: MessageEvent<Asked>) => {
  if ("base" in data) {
    before = (loaded = load(data.base)).then(
      ({ manifest }) => tell({ is: "ready", manifest }),
      (error: unknown) => tell({ is: "broken", message: messageOf(error) }),
    );
    return;
  }
  before = before
    .then(async () => loaded && tell({ is: "scored", id: data.id, result: await score(await loaded, data.file) }))
    .catch((error: unknown) => tell({ is: "failed", id: data.id, message: messageOf(error) }));
});

async function score({ manifest, session }: Loaded, file: Blob): Promise<Scored> {
  const begin = performance.now();
  const { image, thumbnail } = await openPicture(file);
  const { width, height, steps } = manifest.picture;
  const pixels = plainSquare(image, steps);
  const middle = performance.now();
  const outputs = await session.run({ pixels: new Tensor("uint8", pixels.data, [1, height, width, 3]) });
  const numbers = (name: string): number[] => Array.from(outputs[name]?.data as Float32Array);
  const [scores, spreads] = [numbers("scores"), numbers("spreads")];
  const { main } = manifest;
  const [score, spread] = [scores[main], spreads[main]];
  if (score === undefined || spread === undefined || ![...scores, ...spreads].every(Number.isFinite))
    throw new Error("The model gave no number for this picture: the checkpoint does not fit.");
  const others = manifest.scores.flatMap((name, i) => (i === main ? [] : [[name, scores[i] ?? NaN] as const]));
  return {
    ...{ score, spread, distribution: numbers("distribution"), attributes: Object.fromEntries(others), thumbnail },
    times: [middle - begin, performance.now() - middle],
  };
}
