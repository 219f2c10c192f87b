/** The files beside the page. */

export const AGAIN = "Copy the whole folder here again, or export it anew (roc4mllm export onnx --page).";

/**
 * A file of the page.
 *
 * @param base where the page is
 * @throws Error naming the file
 */
export async function bytesOf(name: string, base: string): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(new URL(name, base)).catch(() => undefined);
  if (answer?.ok) return new Uint8Array(await answer.arrayBuffer());
  const why = answer ? `the server says ${answer.status}` : "nothing answers";
  throw new Error(`${name} cannot be read: ${why}. ${AGAIN}`);
}
