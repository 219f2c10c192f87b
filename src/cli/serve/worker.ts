/** `roc4mllm worker`: scores what others send through a queue, until it is told to end. */
import { Command } from "commander";
import { worthOf } from "../../engine/worth.js";
import { ERROR_CODES } from "../../errors.js";
import { parseAddress, PASSWORD_VARIABLE } from "../../queue/address.js";
import type { startWorker } from "../../queue/worker.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { addIntervalOptions, addModelOptions, intervalFlags, loadNamed, packing, type IntervalFlags, type ModelFlags } from "../shared/model-options.js"; // prettier-ignore
import { number, parseScale, whole } from "../shared/numbers.js";
import { firing, repeated } from "./until.js";

interface Flags extends ModelFlags, IntervalFlags {
  readonly queue: string;
  readonly model?: string;
  readonly root?: readonly string[];
  readonly takeover: number;
  readonly keep: number;
  readonly maxPixels?: number;
  readonly json?: true;
}

type Running = Awaited<ReturnType<typeof startWorker>>;

async function work(flags: Flags, context: Context): Promise<void> {
  const { io, signal, setExitCode } = context;
  const address = parseAddress(flags.queue, io.env);
  const onNote = (note: string): void => void io.stderr.write(`note: ${note}\n`);
  const settings = { ...flags, ...intervalFlags(flags), pack: packing(flags, true), batchSize: flags.batch, onNote, worker: true }; // prettier-ignore
  using model = await loadNamed(flags.model, settings, context);
  const { startWorker } = await import("../../queue/worker.js");
  const running = await startWorker({
    ...{ model, address, roots: flags.root, onNote },
    takeoverMs: flags.takeover * 1000,
    keepSeconds: Math.round(flags.keep * 3600),
    maxPixels: flags.maxPixels,
  });
  const { identity } = running;
  if (flags.json) io.stdout.write(`${JSON.stringify({ queue: address.shown, model: model.name, identity })}\n`);
  else io.stderr.write(`${model.name} scores what comes through ${address.shown} (Ctrl-C ends it). ${worthOf(model).text}\n`); // prettier-ignore
  await firing(signal, model.lost);
  if (model.lost?.aborted) {
    // What it has goes to others.
    running.abandon();
    throw model.lost.reason as Error;
  }
  if (!flags.json) io.stderr.write("Ending, once what was taken is scored.\n");
  await running.close();
  tell(running, flags, context);
  setExitCode(0, { stopped: true });
}

function tell({ summary }: Running, { json }: Flags, { io }: Context): void {
  if (json) return void io.stdout.write(`${JSON.stringify(summary)}\n`);
  const { scored, known, failed } = summary;
  io.stderr.write(`${scored} scored, ${known} known already, ${failed} without a score\n`);
}

const HELP = `
Servers (roc4mllm serve --queue) and scans (roc4mllm library scan --queue) send pictures; each checkpoint with its settings has a queue of its
own. Start as many workers as there are machines, or several on one with several GPUs (--device). A worker that is killed loses nothing: what it
had taken goes to others after --takeover seconds. Results are kept by the picture's content and the checkpoint for --keep hours: what
was scored already is not scored again. Redis needs maxmemory-policy noeviction; its password belongs into ${PASSWORD_VARIABLE}, as
everybody on the machine sees the command line.

SIGTERM and Ctrl-C end it once what it has taken is scored; the exit code is then 0. It is ${ERROR_CODES.NETWORK} where Redis does not answer at the start,
and ${ERROR_CODES.INTERNAL}, ${ERROR_CODES.OUT_OF_MEMORY} or ${ERROR_CODES.DEVICE_LOST} where the model is lost: whoever watches the process can start it anew.

Examples:
  roc4mllm worker --queue redis://127.0.0.1:6379
  roc4mllm worker --queue rediss://scorer@queue.example.org:6380 --model my-checkpoint --device cuda:1 --batch 32
  roc4mllm worker --queue redis://10.0.0.5 --root /mnt/photos

More: docs/many-machines.md.`;

/** The command. */
export function workerCommand(context: Context): Command {
  const command = new Command("worker")
    .description("score what servers and scans on other machines send through a queue")
    .requiredOption("--queue <url>", "redis://HOST:PORT, with USER@ and /DATABASE where needed; rediss:// for TLS")
    .addOption(modelOption(context.io))
    .option("--root <folder>", "folder of which scans may name files (--by-path); again for more", repeated)
    .option("--takeover <seconds>", "without a sign of life, after which others take over what it had", number(1, 86_400), 30)
    .option("--keep <hours>", "that results are kept in Redis", number(0.01, 8760), 24)
    .option("--max-pixels <n>", "refuse larger images, whatever senders ask for (default: 268 million)", whole(1))
    .option(
      "--scale <min,max>",
      "lowest and highest score (default: of the ratings that it was trained on)",
      parseScale,
    )
    .option("--json", "one object on standard output once it takes jobs: {queue, model, identity}; one at the end: {scored, known, failed}"); // prettier-ignore
  return addIntervalOptions(addModelOptions(command))
    .addHelpText("after", HELP)
    .action((flags: Flags) => work(flags, context));
}
