/** Waiting. */

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A pause that goes on for as long as nobody can see the page: what is asked again and again is asked for somebody. */
export async function pauseUntilSeen(milliseconds: number): Promise<void> {
  await pause(milliseconds);
  while (document.visibilityState !== "visible")
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}
