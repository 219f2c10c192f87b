/** Servers for tests, and clients that do not behave. */
import { readFile } from "node:fs/promises";
import { connect, type AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Model, ScoreOptions, ScoreInputs } from "../../src/engine/index.js";
import type { Outcome } from "../../src/engine/types.js";
import { createServer, type ServerOptions } from "../../src/server/index.js";
import { ROOT } from "../support.js";

export const photo = (name: string): Promise<Buffer> => readFile(join(ROOT, `examples/photos/${name}.jpg`));

/** A server that listens until the test has ended. */
export async function listening(t: TestContext, options: ServerOptions): Promise<string> {
  const server = createServer(options);
  t.after(() => server.close());
  return server.listen({ host: "127.0.0.1", port: 0 });
}

/** A form with pictures in fields "file". */
export function form(...files: readonly (readonly [name: string, data: Uint8Array])[]): FormData {
  const data = new FormData();
  for (const [name, bytes] of files) data.append("file", new Blob([Uint8Array.from(bytes)]), name);
  return data;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** What answers hold, as far as tests look at it. */
export interface Body {
  readonly error?: { readonly code: string; readonly message: string };
  readonly results?: readonly { file: string; score?: number; error?: { code: string }; embedding?: number[] }[];
  readonly [key: string]: unknown;
}

/** An answer's JSON. */
export async function ask(address: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${address}${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === "" ? {} : JSON.parse(text)) as Body };
}

export function post(
  address: string,
  path: string,
  value: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  return ask(address, path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
}

/** Sends bytes as they are, and gives everything that comes back until the server closes. */
export function raw(address: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}

/** A model whose pictures wait until they are let go, and that computes nothing. */
export class SlowModel implements Model {
  readonly name = "slow@00000000";
  readonly scale = { min: 1, max: 10 };
  readonly digest = "0".repeat(64);
  /** Names of the pictures that it has been given. */
  readonly given: string[] = [];
  /** Those whose clients have all gone. */
  readonly left: string[] = [];
  #release: () => void = () => undefined;
  #gate = new Promise<void>((resolve) => (this.#release = resolve));

  constructor(
    readonly settings: Readonly<Record<string, unknown>> = {},
    private readonly fault?: Error,
  ) {}

  async *score(inputs: ScoreInputs, { signal }: ScoreOptions = {}): AsyncGenerator<Outcome> {
    for (const { name } of inputs as Iterable<{ name: string }>) {
      this.given.push(name);
      if (this.fault) throw this.fault;
      const gone = new Promise<void>((_, reject) => signal?.addEventListener("abort", () => {
        this.left.push(name);
        reject(new Error("gone"));
      })); // prettier-ignore
      await Promise.race([this.#gate, gone]);
      const { scale, name: model } = this;
      yield { file: name, score: 5, scale, std: 1, distribution: [0.5, 0.5], answer: "5", model };
    }
  }

  /** All pictures have their scores, those that come later too. */
  release(): void {
    this.#release();
  }

  scoreOne(): never {
    throw new Error("not asked for");
  }

  dispose(): void {}

  [Symbol.dispose](): void {}
}

/** A {@link SlowModel} that writes two words before anything else. */
export class WritingModel extends SlowModel {
  override async *score(inputs: ScoreInputs, options: ScoreOptions = {}): AsyncGenerator<Outcome> {
    options.onText?.({ file: "input 1", question: 0, text: "A boat", tokens: 2, promptTokens: 9 });
    yield* super.score(inputs, options);
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

export function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
