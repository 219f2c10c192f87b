/** The hub's address, cache and token, from the environment variables of Python's huggingface_hub. */
import { homedir } from "node:os";
import { join } from "node:path";
import { HUB_URL } from "@huggingface/hub";
import { readText } from "../files/index.js";

export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** Folder of the cache, in the layout that Python uses too. */
  readonly cacheDir: string;
  readonly token: string | undefined;
  /** Use the cache only. */
  readonly offline: boolean;
}

const TRUE = new Set(["1", "true", "yes", "on"]);

/**
 * Reads `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE` (or `HUGGINGFACE_HUB_CACHE`), `HF_TOKEN` (or `HUGGING_FACE_HUB_TOKEN`),
 * `HF_TOKEN_PATH` and `HF_HUB_OFFLINE` (or `TRANSFORMERS_OFFLINE`); defaults are Python's.
 */
export async function hubSettings(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<HubSettings> {
  const home = expand(env["HF_HOME"] || join(env["XDG_CACHE_HOME"] || "~/.cache", "huggingface"));
  const tokenFile = expand(env["HF_TOKEN_PATH"] || join(home, "token"));
  const token =
    env["HF_TOKEN"] ||
    env["HUGGING_FACE_HUB_TOKEN"] ||
    (await readText(tokenFile, { maxBytes: 65_536 }).catch(() => ""));
  return {
    endpoint: (env["HF_ENDPOINT"] || HUB_URL).replace(/\/+$/, ""),
    cacheDir: expand(env["HF_HUB_CACHE"] || env["HUGGINGFACE_HUB_CACHE"] || join(home, "hub")),
    token: token.trim() || undefined,
    offline: TRUE.has((env["HF_HUB_OFFLINE"] || env["TRANSFORMERS_OFFLINE"] || "").toLowerCase()),
  };
}

function expand(path: string): string {
  return path.replace(/^~(?=\/|$)/, homedir());
}
