/** What the checkpoint says in words: the comment of its score, or one that it writes now. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../../src/errors.js";
import { events } from "../api/client.js";
import type { ScoreEntry } from "../api/types.js";
import { app } from "../state/app.js";
import { fileOf } from "../state/dropped.js";
import { libraryId, type Photo } from "../state/photo.js";
import { useStore } from "../state/store.js";

const QUESTION = "What is good about this photo, and what would make it better?";

export function Words({ photo, score }: { photo: Photo; score: ScoreEntry }): JSX.Element | null {
  const judge = useStore(app, (state) => state.judge);
  const [text, setText] = useState("");
  const [writing, setWriting] = useState(false);
  const left = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => left.current?.abort(), []);
  if (score.comment) return <blockquote>{score.comment}</blockquote>;
  if (!judge?.comments) return null;
  const ask = async (): Promise<void> => {
    const { signal } = (left.current = new AbortController());
    setWriting(true);
    let written = "";
    try {
      for await (const piece of comment(photo, signal)) setText((written += piece));
    } catch (error) {
      if (!signal.aborted) app.set({ fault: `No comment: ${messageOf(error)}` });
    }
    setWriting(false);
  };
  return (
    <div class="words" aria-live="polite" aria-busy={writing}>
      {text !== "" && <blockquote>{text}</blockquote>}
      {text === "" && (
        <button type="button" class="button" disabled={writing} onClick={() => void ask()}>
          {writing ? "Writing …" : "Ask for a comment"}
        </button>
      )}
    </div>
  );
}

/** The words as they are written. */
async function* comment(photo: Photo, signal: AbortSignal): AsyncGenerator<string> {
  const picture = { type: "image_url", image_url: { url: libraryId(photo) ?? (await dataUri(photo)) } };
  const messages = [{ role: "user", content: [picture, { type: "text", text: QUESTION }] }];
  const body = JSON.stringify({ messages, stream: true });
  const headers = { "content-type": "application/json" };
  for await (const data of events("v1/chat/completions", { method: "POST", headers, body, signal })) {
    if (data === "[DONE]") return;
    const { choices, error } = JSON.parse(data) as Chunk;
    if (error) throw new Error(error.message);
    yield choices?.[0]?.delta?.content ?? "";
  }
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
  readonly error?: { readonly message: string };
}

function dataUri({ key }: Photo): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("the file cannot be read"));
    reader.readAsDataURL(fileOf(key) ?? new Blob());
  });
}
