/**
 * A judge that has seen frames go wrong: the studio has no tilted picture and no wall beside one, so that nothing trained on it can know that
 * they are faults. Composes pictures of which some are tilted, or have a plain part at an edge, rated lower by a rule, and trains the demo weights
 * on them further. The checkpoint is for bench:advice and is not kept; the same command makes it again.
 *
 *   npm run bench:advice-judge -- --out FOLDER [--pictures 1200] [--steps 600] [--seed judge]
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { renderEdits } from "../src/advice/render.js";
import { DEMO_MODEL } from "../src/engine/index.js";
import { atomicWriteFile, atomicWriteJson, makeFolder } from "../src/files/index.js";
import { loadSharp } from "../src/image/index.js";
import { trainModel } from "../src/train/start/train-model.js";
import { framedPicture } from "./spoilt.js";

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    pictures: { type: "string", default: "1200" },
    steps: { type: "string", default: "600" },
    seed: { type: "string", default: "judge" },
  },
});
if (values.out === undefined) throw new Error("--out: name a folder for the pictures and the checkpoint");
const [count, steps, data] = [Number(values.pictures), Number(values.steps), join(values.out, "data")];

await makeFolder(join(data, "images"));
const sharp = await loadSharp();
const rows = ["image,score,split"];
for (let index = 0; index < count; index++) {
  const { picture, latent } = await framedPicture(values.seed, index, 160);
  const name = `${String(index).padStart(5, "0")}.jpg`;
  const bytes = await sharp(await renderEdits(picture, {}))
    .jpeg({ quality: 92 })
    .toBuffer();
  await atomicWriteFile(join(data, "images", name), bytes, { flushed: false });
  rows.push(`${name},${latent.toFixed(3)},${index % 20 === 0 ? "validation" : "train"}`);
}
await atomicWriteFile(join(data, "labels.csv"), `${rows.join("\n")}\n`);
await atomicWriteJson(join(data, "dataset.json"), { name: "Frames", scale: { min: 1, max: 10 } });
console.error(`composed ${count} pictures`);

const { checkpoint } = await trainModel(
  {
    model: DEMO_MODEL,
    data: { folder: data },
    train: { steps, batchSize: 16, learningRate: 3e-4, schedule: "cosine", warmup: 0.05, every: 150, seed: 1 },
    out: join(values.out, "run"),
  },
  { onEvent: (event) => console.error(JSON.stringify(event).slice(0, 200)) },
);
console.log(checkpoint);
