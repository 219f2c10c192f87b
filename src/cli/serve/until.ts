/** What commands that run until they are told to end have in common. */
import { once } from "node:events";

/** Waits until the command is told to end, or the model is lost. */
export async function firing(end: AbortSignal, lost: AbortSignal | undefined): Promise<void> {
  const any = AbortSignal.any(lost ? [end, lost] : [end]);
  if (!any.aborted) await once(any, "abort");
}

/** The values of an option that may be there several times. */
export function repeated(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
