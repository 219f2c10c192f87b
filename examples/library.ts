/**
 * Scores a folder of photos into a library, prints the best of them, and what culling would write.
 *
 *     node dist/examples/library.js [folder [library]]      (default: examples/photos, ./photos.db)
 */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { cullPhotos, DEMO_MODEL, load, openLibrary, scanPhotos } from "roc4mllm";

const photos = fileURLToPath(new URL("../../examples/photos", import.meta.url));
const [folder = photos, file = "photos.db"] = process.argv.slice(2);

using model = await load(DEMO_MODEL);
const { files, scored } = await scanPhotos(folder, { model, library: file });
console.log(`${files} photos, ${scored} of them scored now`);

using library = await openLibrary(file);
for (const { name, score } of library.photos({ limit: 3 }).photos) console.log(`${name} ${score?.score.toFixed(2)}`);

const { groups, photos: planned, sidecars } = await cullPhotos(folder, { model, library: file, dryRun: true });
const [best] = planned.toSorted((a, b) => b.score - a.score);
console.log(`${groups.length} groups, ${sidecars.length} sidecars; the best: ${basename(best?.file ?? "")}`);
