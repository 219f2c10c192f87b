/** A server of files that can do nothing else, and the exported page on it. */
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

export interface FileServer {
  readonly address: string;
  /** What was asked for. */
  readonly asked: string[];
  /** Given in the place of a file, by its name. */
  readonly instead: Map<string, Uint8Array | "missing">;
  readonly close: () => void;
}

/** Serves the files of a folder. */
export async function serveFolder(folder: string): Promise<FileServer> {
  const asked: string[] = [];
  const instead = new Map<string, Uint8Array | "missing">();
  const server = createServer(({ url = "" }, response) => {
    const name = url === "/" ? "index.html" : basename(url);
    asked.push(name);
    const [other, file] = [instead.get(name), join(folder, name)];
    if (other === "missing" || (other === undefined && !existsSync(file))) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" });
    if (other) response.end(other);
    else createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, instead, close };
}

/** Files are put on the page as a hand drops them. To be run in the page with a list of `[name, base64]`. */
export const DROP = `(files) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
  window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}`;
