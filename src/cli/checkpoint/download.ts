/** `roc4mllm download`: a model from the hub into the cache that Python uses too. */
import { Command } from "commander";
import { downloadModel, holdsWeights } from "../../hub/index.js";
import { besideWeights } from "../../models/families.js";
import type { Context } from "../shared/io.js";
import { downloadProgress } from "../shared/download-progress.js";

interface Flags {
  readonly revision: string;
  readonly cacheDir?: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly json?: true;
}

const HELP = `
Takes what a model needs: configuration, tokenizer and, of the weights beside config.json, those that are loaded (.bin
only where there are no safetensors). Every file is checked by its checksum. Stop it at any moment: the same command goes
on. The folder is printed on standard output; \`score\`, \`eval\` and \`train\` take the name as well as the folder.

Environment: HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN (gated and private models), HF_HUB_OFFLINE; and for a proxy,
as curl and Python read them: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY (http://user:password@host:port), NO_PROXY.

Example:
  roc4mllm download q-future/one-align && roc4mllm score my-photos/ --model q-future/one-align`;

export function downloadCommand({ io, signal }: Context): Command {
  const several = (text: string, all: readonly string[]): readonly string[] => [...all, text];
  return new Command("download")
    .description("fetch a model from the hub")
    .argument("<repo>", "owner/name")
    .option("--revision <name>", "branch, tag or commit", "main")
    .option("--cache-dir <folder>", "instead of the environment's")
    .option("--include <glob>", "only these files; may be repeated", several, [])
    .option("--exclude <glob>", "not these files; may be repeated", several, [])
    .option("--json", "print {repo, commit, folder, files, fetched} as one JSON object")
    .addHelpText("after", HELP)
    .action(async (repo: string, { revision, cacheDir, include, exclude, json }: Flags) => {
      const progress = downloadProgress(io.stderr, "MB fetched");
      const { onProgress, onWait } = progress;
      const settings = cacheDir === undefined ? undefined : { cacheDir };
      try {
        const found = await downloadModel(repo, {
          ...{ revision, include, exclude, signal, settings, onProgress, onWait },
          beside: besideWeights(),
        });
        progress.stop();
        if (include.length === 0 && !holdsWeights(found.files)) {
          io.stderr.write(`${repo} has no weights that can be loaded: \`score\` and \`train\` cannot take it.\n`);
        }
        io.stdout.write(json ? `${JSON.stringify(found)}\n` : `${found.folder}\n`);
      } finally {
        progress.stop();
      }
    });
}
