/**
 * Every command of README.md and docs/, run as it is written, in a folder that has what it names; every output on the pages,
 * compared with the one that comes.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { fakeHub, serve } from "../hub/support.js";
import { writeInputs } from "./inputs.js";
import { blocksOf, readPages, type Block, type Page } from "./markdown.js";
import { problemsOf } from "./parse.js";
import { programsIn, runLine } from "./shell.js";

interface NotRun {
  readonly pattern: RegExp;
  readonly reason: string;
  /** Added to the line so that it can be run after all, up to the point where it would begin its work. */
  readonly dry?: string;
}

/** What cannot be run in a test. Its command and flags are looked up in `--help`, or it is run dry. */
const NOT_RUN: readonly NotRun[] = [
  { pattern: /^npm test\b/, reason: "runs this test itself" },
  { pattern: /^npm run docs\b/, reason: "about the sources; test/docs/ has tests of their own" },
  { pattern: /^npm run bench:/, reason: "minutes on a calm machine, some beside Python" },
  { pattern: /^npm run train:demo\b/, reason: "20 minutes of training" },
  { pattern: /^npm install\b/, reason: "test/e2e/package.test.ts installs the package" },
  { pattern: /(-- |roc4mllm )serve\b/, reason: "runs until it is stopped; test/server/command.test.ts starts it" },
  { pattern: /\bworker --queue|--queue rediss?:/, reason: "needs a Redis; test/queue/ has workers, servers and scans" },
  { pattern: /\buse q-future\/Q-ReAlign/, reason: "the hub here has none; test/cli/use.test.ts chooses another" },
  {
    pattern: /\blaion-v[12]\b/,
    reason: "the hub here has none; test/cli/head.test.ts chooses them, and library.test.ts has two judges",
  },
  {
    pattern: /\btaste learn\b|--taste\b/,
    reason: "needs a person's ratings; test/cli/taste.test.ts learns of some",
  },
  { pattern: /--device cuda/, reason: "needs a GPU" },
  { pattern: /--nnodes 2/, reason: "needs a second machine" },
  { pattern: /^torchrun\b/, reason: "needs Python's torch" },
  { pattern: /\btrain configs\/(?!.*--dry-run)/, reason: "days on a GPU", dry: " --dry-run" },
  { pattern: /\bexperiment (?!.*--dry-run)/, reason: "hours of training", dry: " --dry-run" },
  { pattern: /--measure\b/, reason: "minutes of measuring" },
  { pattern: /\breproduce table1 --run\b/, reason: "trains large models on the real data sets" },
  {
    pattern: /\breproduce table6 --studio --run\b/,
    reason:
      "six runs; the page about baselines rehearses a table, and test/e2e/examples.test.ts one from the demo weights",
    dry: " --dry-run",
  },
];

/** What is run with fewer steps or pictures; the later of two equal flags counts. */
const SHORTER: readonly (readonly [pattern: RegExp, added: string])[] = [
  [/\b(train|process\.sh) --data\b/, " --steps 2 --batch 4"],
  [/\bstudio write\b/, " --count 120 --size 48"],
  [/ advise /, " --budget 60 --side 64"],
  [/\breproduce .*--studio --run\b/, " --pictures 50 --epochs 0.05"],
  [/\bfuzz -- /, " --count 20"],
  [/\bscore .*--explain /, " --explain-evaluations 8"],
];

interface Line {
  readonly text: string;
  readonly at: number;
  /** What it prints, where a page shows that. */
  readonly output?: string;
}

/** The commands of a block: of `sh` every line, of `console` those behind a `$`, with what they print. */
function linesOf({ language, text, line }: Block): Line[] {
  if (language === "console") {
    return text
      .split(/^\$ /m)
      .filter((part) => part !== "")
      .map((part) => ({ text: part.split("\n")[0] ?? "", at: line, output: part.slice(part.indexOf("\n") + 1) }));
  }
  if (language !== "sh") return [];
  const lines = text.split("\n").map((one, at) => ({ text: withoutComment(one), at: line + at }));
  return lines.filter((one) => one.text !== "");
}

/** A shell's comment begins at a # behind a blank. */
function withoutComment(line: string): string {
  return line.replace(/(^|\s)# .*$/, "").trim();
}

const PAGES = readPages();
const base = mkdtempSync(join(tmpdir(), "roc-docs-"));
const closers: (() => unknown)[] = [];
const atEnd = { after: (close?: unknown): void => void closers.push(close as () => unknown) };
after(async () => {
  for (const close of closers) await close();
  rmSync(base, { recursive: true, force: true });
});
const inputs = join(base, "inputs");
let env: NodeJS.ProcessEnv = {};

/** A hub that has q-future/one-align: the one of the hub's own tests, by that name. */
async function startHub(folder: string): Promise<string> {
  const files = readdirSync(folder).map((name) => [name, { content: readFileSync(join(folder, name)) }] as const);
  const hub = await fakeHub(atEnd, Object.fromEntries(files));
  return serve(atEnd, (request, response) => {
    const url = (request.url ?? "").replaceAll("q-future/one-align", "owner/model").replaceAll("q-future%2Fone-align", "owner/model"); // prettier-ignore
    response.writeHead(307, { location: `${hub.endpoint}${url}` }).end();
  });
}

before(async () => {
  await writeInputs(inputs);
  const HF_ENDPOINT = await startHub(join(inputs, "q-future/one-align"));
  env = programsIn(join(base, "bin"), {
    HF_ENDPOINT,
    HF_HOME: join(base, "hub"),
    XDG_CONFIG_HOME: join(base, "config"),
    XDG_DATA_HOME: join(base, "data"),
    NO_PROXY: "*",
  });
});

/** A folder with the inputs, and the files that the page gives. */
function folderFor(page: Page): string {
  const folder = mkdtempSync(join(base, "page-"));
  cpSync(inputs, folder, { recursive: true });
  for (const { file, text } of blocksOf(page)) {
    if (file === undefined) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return folder;
}

/** An output with every number as `#`, every bar as one block and blanks in one: figures hang on the processor, times on the hour. */
function shapeOf(output: string): string[] {
  const lines = output.trim().split("\n");
  return lines.map((line) => line.replace(/[█▉▊▋▌▍▎▏░·]+/g, "█").replace(/[+−-]?\d[\d,.]*(e-?\d+)?/g, "#").replace(/ +/g, " ").trim()); // prettier-ignore
}

/** Runs a line, or looks it up where it cannot be run. @returns what is wrong, or undefined */
async function faultOf({ text, output }: Line, folder: string): Promise<string | undefined> {
  const kept = NOT_RUN.find(({ pattern }) => pattern.test(text));
  if (kept && kept.dry === undefined) {
    const problems = await problemsOf(text, env);
    return problems.length === 0 ? undefined : problems.join("; ");
  }
  const added = kept?.dry ?? SHORTER.find(([pattern]) => pattern.test(text))?.[1] ?? "";
  const { code, stdout, stderr } = await runLine(text + added, folder, env);
  if (code !== 0) return `exit code ${code}\n${stdout}\n${stderr}`;
  if (output === undefined) return undefined;
  // A notice of the terminal is none of the page's.
  const [wanted, found] = [shapeOf(output), shapeOf(`${stdout}\n${stderr}`)].map((lines) => lines.filter((line) => line !== "")); // prettier-ignore
  const lost = (wanted ?? []).filter((line) => !found?.includes(line));
  return lost.length === 0 ? undefined : `not printed: ${lost.join("\n")}\nbut: ${found?.join("\n")}`;
}

const WITH_COMMANDS = PAGES.filter((page) => blocksOf(page).some((block) => linesOf(block).length > 0));

for (const page of WITH_COMMANDS) {
  test(`the commands of ${page.path}`, async (t) => {
    const folder = folderFor(page);
    const found: string[] = [];
    for (const line of blocksOf(page).flatMap(linesOf)) {
      const started = performance.now();
      const fault = await faultOf(line, folder);
      if (fault !== undefined) found.push(`${page.path}:${line.at}: ${line.text}: ${fault}`);
      t.diagnostic(`${((performance.now() - started) / 1000).toFixed(1)} s ${line.text}`);
    }
    assert.equal(found.join("\n"), "");
    rmSync(folder, { recursive: true });
  });
}

test("commands and flags that do not exist are found, run or not", async () => {
  const folder = folderFor({ path: "", text: "" });
  const wrong: readonly (readonly [text: string, message: RegExp])[] = [
    ["npm start -- score my-photos/ --sorted", /unknown option '--sorted'/],
    ["npm start -- grade my-photos/", /unknown command 'grade'/],
    ["npm start -- score nowhere/", /exit code 3/],
    ["echo '\"a\"' | npx roc4mllm inspect tokenise --model my-checkpoint/", /exit code 2/],
    ["npm run no-such-thing", /is not run here/],
    ["npm run bench:no-such-thing", /no script bench:no-such-thing/],
    ["npm run train:demo -- --sead 1", /train-demo has no --sead/],
    ["npm start -- score my-photos/ --device cuda --dtipe bfloat16", /score has no --dtipe/],
    ["npm start -- grade my-photos/ --device cuda", /no command grade/],
    ["npm start -- torchrun --nnodes 2 --node-rnk 0 train a.yaml", /torchrun has no --node-rnk/],
    ["npm start -- torchrun --nnodes 2 train a.yaml --sett a=1", /train has no --sett/],
    ["torchrun --no-python roc4mllm train --dota TAD66K/", /train has no --dota/],
    ["npm start -- train configs/table9/none.yaml", /exit code 3/],
  ];
  for (const [text, message] of wrong) assert.match((await faultOf({ text, at: 1 }, folder)) ?? "", message, text);
  const shown = { text: "roc4mllm score a.jpg", at: 1, output: "a.jpg 1.00 ± 0.10 ███\n1 picture was graded\n" };
  assert.match((await faultOf(shown, folder)) ?? "", /not printed: # picture was graded/);
});

test("nothing is named as not run, or shortened, that no page has", () => {
  const texts = WITH_COMMANDS.flatMap((page) => blocksOf(page).flatMap(linesOf)).map(({ text }) => text);
  const patterns = [...NOT_RUN.map(({ pattern }) => pattern), ...SHORTER.map(([pattern]) => pattern)];
  const stale = patterns.filter((pattern) => !texts.some((text) => pattern.test(text)));
  assert.deepEqual(stale, []);
});
