/** Whether the server answers, and who judges there. */
import { get, NoAnswer, ServerError } from "../api/client.js";
import { app } from "./app.js";
import { pauseUntilSeen } from "./wait.js";

/** Milliseconds between two questions while it does not answer, and while it does. */
const [SOON, LATER] = [2000, 15_000];
/** Requests of others find out that it is gone: then the wait is the shorter one. */
const TICK = 500;

/** Asks once. @returns why it refuses, where it does */
export async function checkServer(): Promise<string | undefined> {
  try {
    await readJudge();
    app.set({ server: "ready" });
  } catch (error) {
    if (!noteFault(error)) app.set({ server: "gone" });
    return error instanceof ServerError ? error.message : undefined;
  }
  return undefined;
}

/** Whether an error is of the server and not of what it was asked: nobody answers, or the token is none of its own. */
export function noteFault(error: unknown): boolean {
  const isLocked = error instanceof ServerError && (error.status === 401 || error.status === 403);
  if (isLocked) app.set({ server: "locked" });
  if (error instanceof NoAnswer) app.set({ server: "gone" });
  return isLocked || error instanceof NoAnswer;
}

/** Asks for as long as the page is open. */
export async function watchServer(): Promise<never> {
  for (;;) {
    await checkServer();
    for (let waited = 0; waited < (app.state.server === "ready" ? LATER : SOON); waited += TICK)
      await pauseUntilSeen(TICK);
  }
}

/** Resolves when it answers next. */
export function untilReady(): Promise<void> {
  return new Promise((resolve) => {
    const stop = app.subscribe(() => {
      if (app.state.server !== "ready") return;
      stop();
      resolve();
    });
  });
}

interface ModelsAnswer {
  readonly data: readonly {
    readonly id: string;
    readonly worth?: string;
    readonly method?: { readonly comments?: boolean } | null;
  }[];
}

async function readJudge(): Promise<void> {
  const { data } = await get<ModelsAnswer>("v1/models");
  const [first] = data;
  if (!first || first.id === app.state.judge?.name) return;
  app.set({ judge: { name: first.id, worth: first.worth ?? "", comments: first.method?.comments ?? false } });
}
