/**
 * FLICKR-AES (Ren et al., ICCV 2017) in its official files: `FLICKR-AES_image_score.txt`, lines `name score`, and
 * `FLICKR-AES_image_labeled_by_each_worker.csv` (worker, imagePair, score), ratings of 1 to 5. Scores are the authors'
 * weighted means, 0 to 1. Pictures are in `40K/`.
 */
import { join } from "node:path";
import { exists } from "../files/index.js";
import { assemble, type Rated } from "./assemble.js";
import { voteStatistics } from "./ava.js";
import { slashed } from "./files.js";
import { readValues } from "./name-values.js";
import { drawTest } from "./split.js";
import { readTable } from "./table.js";
import type { LoadedDataset, Rating, ReaderOptions, ScoreScale } from "./types.js";

export const FLICKR_AES_SCALE: ScoreScale = { min: 0, max: 1 };
export const FLICKR_AES_SCORES = "FLICKR-AES_image_score.txt";
export const FLICKR_AES_WORKERS = "FLICKR-AES_image_labeled_by_each_worker.csv";
export const FLICKR_AES_COLUMNS = ["worker", "imagePair", "score"] as const;
/** Ratings of a worker: 1 to this. */
export const FLICKR_AES_RATINGS = 5;

const IMAGE_FOLDERS = ["40K", "images"];
const REMEDY = "Compare it with FLICKR-AES' official file.";

/**
 * Reads FLICKR-AES: the workers' ratings as votes, where their file is there. The official split is by workers; a test part of
 * the pictures is drawn.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readFlickrAes(folder: string, options: ReaderOptions = {}): Promise<LoadedDataset> {
  const notes: string[] = [];
  const scores = await readValues(join(folder, FLICKR_AES_SCORES), options, notes, REMEDY);
  const workers = await readWorkers(folder, notes);
  const rated = scores.map(([id, score]) => ratedFlickr(id, score, workers?.get(id)));
  if (workers) {
    const known = new Set(scores.map(([id]) => id));
    const unscored = [...workers.keys()].filter((id) => !known.has(id)).length;
    const unrated = [...known].filter((id) => !workers.has(id)).length;
    if (unscored > 0) notes.push(`Left out, rated by workers but without a score: ${unscored}.`);
    if (unrated > 0) notes.push(`Pictures without a worker's rating: ${unrated}.`);
  }
  const split = drawTest(rated, "FLICKR-AES", notes);
  return {
    ...{ name: "FLICKR-AES", scale: FLICKR_AES_SCALE, votesApart: true },
    ratingScale: { min: 1, max: FLICKR_AES_RATINGS },
    ...(await assemble(split, folder, IMAGE_FOLDERS, options, notes)),
    notes,
  };
}

/** What workers gave a picture: how many gave each rating of 1 to 5, and who gave which. */
interface Workers {
  readonly votes: number[];
  readonly ratings: Rating[];
}

function ratedFlickr(id: string, score: number, workers: Workers | undefined): Omit<Rated, "split"> {
  const rated = { id, files: [id], score };
  if (!workers) return rated;
  const { votes, ratings } = workers;
  const raters = [...new Set(ratings.map(({ rater }) => rater))];
  return { ...rated, std: voteStatistics(votes).std / (FLICKR_AES_RATINGS - 1), votes, raters, ratings };
}

/** What is known of workers by picture; undefined where the file is missing. */
async function readWorkers(folder: string, notes: string[]): Promise<Map<string, Workers> | undefined> {
  const file = join(folder, FLICKR_AES_WORKERS);
  if (!(await exists(file))) {
    notes.push(`No file ${FLICKR_AES_WORKERS}: pictures have no votes.`);
    return undefined;
  }
  const found = new Map<string, Workers>();
  const { rows } = await readTable(file, { columns: FLICKR_AES_COLUMNS, remedy: REMEDY, notes });
  for (const row of rows) {
    const rating = row.number("score");
    if (!(Number.isInteger(rating) && rating >= 1 && rating <= FLICKR_AES_RATINGS))
      throw row.invalid("score", `${rating} is no rating of 1 to ${FLICKR_AES_RATINGS}`);
    const id = slashed(row.text("imagePair"));
    const { votes, ratings } = found.get(id) ?? {
      votes: new Array<number>(FLICKR_AES_RATINGS).fill(0),
      ratings: [],
    };
    votes[rating - 1] = (votes[rating - 1] ?? 0) + 1;
    ratings.push({ rater: row.text("worker"), score: rating });
    found.set(id, { votes, ratings });
  }
  return found;
}
