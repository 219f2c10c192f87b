/** `GET /`: the page, where it is built, else a few words about what there is. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import serveFiles from "@fastify/static";
import type { App, Shared } from "../app.js";

/** Where set-up builds it. */
const BUILT = fileURLToPath(new URL("../../../page/", import.meta.url));

const PLAIN = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>roc4mllm</title>
<h1>roc4mllm</h1>
<p>The server runs. <a href="docs">What it can be asked</a>, <a href="health">how it does</a>.
<p>The page for photos is not built: roc4mllm setup builds it.
</html>
`;

export function addPage(app: App, { options }: Shared): void {
  const folder = options.page ?? BUILT;
  void app.register(async (open) => {
    open.addHook("onRoute", (route) => {
      route.config = { ...route.config, open: true };
    });
    if (existsSync(folder)) {
      // One route a file: nothing else of the disk can be named.
      await open.register(serveFiles, {
        root: folder,
        wildcard: false,
        dotfiles: "ignore",
        cacheControl: false,
        etag: true,
        // Names of scripts and styles hold a digest.
        setHeaders: (reply, path) => {
          if (/-[A-Z0-9]{8}\.(js|css)$/.test(path))
            reply.header("cache-control", "public, max-age=31536000, immutable");
        },
      });
    } else {
      open.get("/", { schema: { hide: true } }, async (_request, reply) => reply.type("text/html").send(PLAIN));
    }
  });
}
