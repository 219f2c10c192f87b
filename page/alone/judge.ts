/** The photos of the page and their scores, as the worker gives them. */
import type { OnnxManifest } from "../../src/onnx/manifest.js";
import type { Asked, Scored, Told } from "./messages.js";

export interface Photo {
  readonly id: number;
  readonly name: string;
  readonly result?: Omit<Scored, "thumbnail"> & { readonly address: string };
  readonly failure?: string;
}

export interface State {
  readonly manifest: OnnxManifest | undefined;
  /** Why nothing can be scored. */
  readonly fault: string | undefined;
  readonly photos: readonly Photo[];
}

/** Has photos scored by a worker. */
export class Judge {
  state: State = { manifest: undefined, fault: undefined, photos: [] };
  readonly #worker: Worker;

  constructor(private readonly changed: (state: State) => void) {
    this.#worker = new Worker(new URL("./worker.js", document.baseURI), { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Told>) => this.#take(data));
    this.#worker.addEventListener("error", ({ message }) => {
      this.#set({ fault: `The page's worker does not run${message ? ` (${message})` : ""}. Copy the whole folder here again.` }); // prettier-ignore
    });
  }

  add(files: readonly File[]): void {
    const first = this.state.photos.length;
    const photos = files.map(({ name }, i): Photo => ({ id: first + i, name }));
    this.#set({ photos: [...this.state.photos, ...photos] });
    files.forEach((file, i) => this.#worker.postMessage({ id: first + i, file } satisfies Asked));
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

/** Best first; what waits and what failed at the end. */
export function bestFirst(photos: readonly Photo[]): Photo[] {
  const rank = ({ result, failure }: Photo): number => result?.score ?? (failure === undefined ? -1e9 : -2e9);
  return [...photos].sort((a, b) => rank(b) - rank(a) || a.id - b.id);
}
