/** Requests to the server that gave the page. */

/** An answer that is an error, in the words of the server. */
export class ServerError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds until it may be tried again. */
    readonly retryAfter: number,
    /** All of the answer. */
    readonly body: unknown,
  ) {
    super(message);
  }
}

/** Nobody answers: the server has ended, or the network. */
export class NoAnswer extends Error {
  constructor(cause: unknown) {
    super("the server does not answer", { cause });
  }
}

/** Named by the server, since pictures cannot bring a header. */
const COOKIE = "roc4mllm-token";

/** Keeps the token that a person gave, until the browser is closed. */
export function setToken(token: string): void {
  document.cookie = `${COOKIE}=${encodeURIComponent(token)}; path=/; samesite=strict`;
}

/** @throws ServerError; NoAnswer; an AbortError */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(path, init).catch((error: unknown) => {
    throw init.signal?.aborted ? error : new NoAnswer(error);
  });
  if (!answer.ok) throw await errorOf(answer);
  return answer;
}

async function errorOf(answer: Response): Promise<ServerError> {
  const body = (await answer.json().catch(() => ({}))) as { error?: { code?: string; message?: string } };
  const { code = `HTTP_${answer.status}`, message = answer.statusText } = body.error ?? {};
  return new ServerError(answer.status, code, message, Number(answer.headers.get("retry-after")) || 1, body);
}

/** The JSON of an answer. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request(path, signal ? { signal } : {})).json()) as T;
}

/** Sends JSON. */
export async function send<T>(method: "POST" | "PUT", path: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  return (await (await request(path, { method, headers, body: JSON.stringify(body) })).json()) as T;
}

/** The data of the events that a server sends, one by one. */
export async function* events(path: string, init: RequestInit = {}): AsyncGenerator<string> {
  const { body } = await request(path, init);
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const parts = text.split(/\r?\n\r?\n/);
      text = parts.pop() ?? "";
      for (const part of parts) {
        const data = part
          .split(/\r?\n/)
          .flatMap((line) => (line.startsWith("data:") ? [line.slice(5).trimStart()] : []));
        if (data.length > 0) yield data.join("\n");
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
