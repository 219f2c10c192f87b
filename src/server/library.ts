/** The library of photos, read in a thread of its own: a condition may look at every photo of a large one. */
import type { Judge, Photo, PhotoPage, PhotoQuery, ScanState } from "../library/catalog.js";
import type { LibraryBursts } from "../library/culling/bursts.js";
import type { PersonRating } from "../library/rate.js";
import { RocError } from "../errors.js";
import type { LearnedTaste } from "../library/taste/learn-in.js";
import type { TasteSource } from "../library/taste/ratings.js";
import type { KeptTaste, Taste } from "../library/taste/tastes.js";
import { ofDisk, Refusal } from "./errors.js";
import { Thread } from "./thread.js";

/** What of a library is asked for. */
export interface LibraryQuestions {
  /** Photos in order, with their number where it is the first page. */
  readonly photos: { readonly query: Omit<PhotoQuery, "judge">; readonly judge: string | undefined };
  readonly photo: { readonly id: number; readonly judge: string | undefined; readonly taste?: string | undefined };
  /** The judge with whose scores those of the server's model can be compared: of the same checkpoint and settings. */
  readonly percentiles: { readonly judge: number; readonly scores: readonly number[] };
  readonly judges: Record<string, never>;
  readonly scan: Record<string, never>;
  readonly bursts: { readonly judge: string | undefined };
  /** Enters what a person says of a photo; whether there is one. */
  readonly rate: { readonly id: number; readonly rating: PersonRating };
  readonly tastes: Record<string, never>;
  /** The head of a taste, with the judge on whose vectors it was learned. */
  readonly taste: { readonly name: string };
  readonly learn: { readonly name: string; readonly from: TasteSource; readonly judge: string | undefined };
  /** Two photos to ask about, with the number of answers so far. */
  readonly pair: { readonly judge: string | undefined };
  readonly answer: { readonly better: number; readonly worse: number };
  readonly unanswer: { readonly id: number };
}

/** An answer about two photos that was kept or taken back; undefined: there is none. */
export interface KeptAnswer {
  readonly id: number | undefined;
  readonly answers: number;
}

export interface LibraryAnswers {
  readonly photos: PhotoPage & { readonly judge: Judge | undefined; readonly total: number | undefined };
  readonly photo: Photo | undefined;
  readonly percentiles: readonly (number | undefined)[];
  readonly judges: readonly Judge[];
  readonly scan: (ScanState & { readonly running: boolean }) | undefined;
  readonly bursts: LibraryBursts;
  readonly rate: boolean;
  readonly tastes: { readonly tastes: readonly Taste[]; readonly answers: number };
  readonly taste: KeptTaste & { readonly of: Judge | undefined };
  readonly learn: LearnedTaste;
  readonly pair: { readonly photos: readonly Photo[]; readonly answers: number };
  readonly answer: KeptAnswer;
  readonly unanswer: KeptAnswer;
}

export type LibraryQuestion = {
  readonly [Kind in keyof LibraryQuestions]: { readonly kind: Kind } & LibraryQuestions[Kind];
}[keyof LibraryQuestions];

function newThread(file: string): Thread<LibraryQuestion, unknown> {
  return new Thread(new URL("./library-worker.js", import.meta.url), { name: "roc4mllm library", workerData: file });
}

/** A library's file for the routes. It may come into being, and change, while the server runs. */
export class Library {
  readonly #thread: Thread<LibraryQuestion, unknown>;
  #learning: Thread<LibraryQuestion, unknown> | undefined;

  constructor(readonly file: string) {
    this.#thread = newThread(file);
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
  async photo(id: number, judge?: string, taste?: string): Promise<Photo> {
    const photo = await this.ask("photo", { id, judge, taste });
    if (photo) return photo;
    throw new RocError("FILE_NOT_FOUND", `The library has no photo ${id}.`);
  }

  /** Learns in a thread of its own: it takes seconds, in which photos are asked for. @throws Refusal 409 while another one learns */
  async learn(question: LibraryQuestions["learn"]): Promise<LearnedTaste> {
    if (this.#learning) throw new Refusal(409, "IN_USE", "A taste is being learned. Try again in some seconds.");
    const thread = (this.#learning = newThread(this.file));
    try {
      return (await thread.ask({ kind: "learn", ...question })) as LearnedTaste;
    } catch (error) {
      throw ofDisk(error, this.file);
    } finally {
      this.#learning = undefined;
      await thread.end();
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.#thread.end(), this.#learning?.end()]);
  }
}
