/** The photos of the page and their scores, as the worker gives them. */
import { messageOf } from "../../src/errors.js";
import type { OnnxManifest } from "../../src/onnx/manifest.js";
import { folderOf, isPicture } from "../state/files.js";
import type { Asked, Scored, Told } from "./messages.js";
import { AGAIN, bytesOf } from "./served.js";

export interface Photo {
  readonly id: number;
  readonly name: string;
  /** Within the folder that was dropped; "" for a file by itself. */
  readonly folder: string;
  readonly result?: Omit<Scored, "thumbnail"> & { readonly address: string };
  readonly failure?: string;
}

export interface State {
  readonly manifest: OnnxManifest | undefined;
  /** Why nothing can be scored. */
  readonly fault: string | undefined;
  readonly photos: readonly Photo[];
  /** Files of folders that are no pictures by their names. */
  readonly leftOut: number;
}

/** Has photos scored by a worker. */
export class Judge {
  state: State = { manifest: undefined, fault: undefined, photos: [], leftOut: 0 };
  readonly #worker: Promise<Worker>;
  /** The worker does not run, and answers nothing. */
  #isGone = false;

  constructor(private readonly changed: (state: State) => void) {
    this.#worker = startWorker();
    this.#worker.then(
      (worker) => {
        worker.addEventListener("message", ({ data }: MessageEvent<Told>) => this.#take(data));
        worker.addEventListener("error", ({ message }) => {
          this.#end(`The page's worker does not run${message ? ` (${message})` : ""}. ${AGAIN}`);
        });
        worker.postMessage({ base: document.baseURI } satisfies Asked);
      },
      (error: unknown) => this.#end(messageOf(error)),
    );
  }

  /** Of what lay in a folder, only what is called like a picture. */
  add(files: readonly File[]): void {
    const given = files.filter((file) => folderOf(file) === "" || isPicture(file));
    const first = this.state.photos.length;
    const photos = given.map((file, i): Photo => ({ id: first + i, name: file.name, folder: folderOf(file) }));
    const leftOut = this.state.leftOut + files.length - given.length;
    this.#set({ photos: [...this.state.photos, ...photos], leftOut });
    if (this.#isGone) return this.#failAll();
    void this.#worker.then(
      (worker) => given.forEach((file, i) => worker.postMessage({ id: first + i, file } satisfies Asked)),
      () => undefined,
    );
  }

  #end(fault: string): void {
    this.#isGone = true;
    this.#set({ fault });
    this.#failAll();
  }

  /** What waits would wait for ever. */
  #failAll(): void {
    const failure = "There is nothing to score it by.";
    this.#set({ photos: this.state.photos.map((photo) => (photo.result ? photo : { failure, ...photo })) });
  }

  #take(told: Told): void {
    if (told.is === "ready") this.#set({ manifest: told.manifest });
    else if (told.is === "broken") this.#set({ fault: told.message });
    else if (told.is === "failed") this.#update(told.id, { failure: told.message });
    else {
      const { thumbnail, ...result } = told.result;
      this.#update(told.id, { result: { ...result, address: URL.createObjectURL(thumbnail) } });
    }
  }

  #update(id: number, change: Partial<Photo>): void {
    this.#set({ photos: this.state.photos.map((photo) => (photo.id === id ? { ...photo, ...change } : photo)) });
  }

  #set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    this.changed(this.state);
  }
}

/**
 * The worker, by the address of its own bytes: so it has the policy of the page (index.html), and asks no other place either. One that
 * is started by its file's address has the policy of that answer's headers, which a plain server of files does not send.
 *
 * @throws Error where the file is not there
 */
async function startWorker(): Promise<Worker> {
  const code = new Blob([await bytesOf("worker.js", document.baseURI)], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(code), { type: "module" });
}

/** Best first; what waits and what failed at the end. */
export function bestFirst(photos: readonly Photo[]): Photo[] {
  const rank = ({ result, failure }: Photo): number => result?.score ?? (failure === undefined ? -1e9 : -2e9);
  return [...photos].sort((a, b) => rank(b) - rank(a) || a.id - b.id);
}
