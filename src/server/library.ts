/** The library of photos, read in a thread of its own: a condition may look at every photo of a large one. */
import type { Judge, Photo, PhotoPage, PhotoQuery, ScanState } from "../library/catalog.js";
import type { LibraryBursts } from "../library/culling/bursts.js";
import type { PersonRating } from "../library/rate.js";
import { RocError } from "../errors.js";
import { ofDisk } from "./errors.js";
import { Thread } from "./thread.js";

/** What of a library is asked for. */
export interface LibraryQuestions {
  /** Photos in order, with their number where it is the first page. */
  readonly photos: { readonly query: Omit<PhotoQuery, "judge">; readonly judge: string | undefined };
  readonly photo: { readonly id: number; readonly judge: string | undefined };
  /** The judge with whose scores those of the server's model can be compared: of the same checkpoint and settings. */
  readonly percentiles: { readonly judge: number; readonly scores: readonly number[] };
  readonly judges: Record<string, never>;
  readonly scan: Record<string, never>;
  readonly bursts: { readonly judge: string | undefined };
  /** Enters what a person says of a photo; whether there is one. */
  readonly rate: { readonly id: number; readonly rating: PersonRating };
}

export interface LibraryAnswers {
  readonly photos: PhotoPage & { readonly judge: Judge | undefined; readonly total: number | undefined };
  readonly photo: Photo | undefined;
  readonly percentiles: readonly (number | undefined)[];
  readonly judges: readonly Judge[];
  readonly scan: (ScanState & { readonly running: boolean }) | undefined;
  readonly bursts: LibraryBursts;
  readonly rate: boolean;
}

export type LibraryQuestion = {
  readonly [Kind in keyof LibraryQuestions]: { readonly kind: Kind } & LibraryQuestions[Kind];
}[keyof LibraryQuestions];

/** A library's file for the routes. It may come into being, and change, while the server runs. */
export class Library {
  readonly #thread: Thread<LibraryQuestion, unknown>;

  constructor(readonly file: string) {
    const options = { name: "roc4mllm library", workerData: file };
    this.#thread = new Thread(new URL("./library-worker.js", import.meta.url), options);
  }

  /** @throws Refusal without a folder: FILE_NOT_FOUND where there is no library; USAGE for a condition or a judge that is none */
  async ask<Kind extends keyof LibraryQuestions>(
    kind: Kind,
    question: LibraryQuestions[Kind],
  ): Promise<LibraryAnswers[Kind]> {
    try {
      return (await this.#thread.ask({ kind, ...question } as LibraryQuestion)) as LibraryAnswers[Kind];
    } catch (error) {
      throw ofDisk(error, this.file);
    }
  }

  /** @throws RocError FILE_NOT_FOUND */
  async photo(id: number, judge?: string): Promise<Photo> {
    const photo = await this.ask("photo", { id, judge });
    if (photo) return photo;
    throw new RocError("FILE_NOT_FOUND", `The library has no photo ${id}.`);
  }

  end(): Promise<void> {
    return this.#thread.end();
  }
}
