/**
 * The package as its users have it: packed, installed into a project of its own, set up, and used from an ES module, from
 * CommonJS, from TypeScript and from the command line. The packages come from npm's cache or registry; libtorch and the
 * addon are those of this clone, unless ROC_TEST_ADDON=1 asks for a build (minutes).
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { DEMO_MODEL, load } from "roc4mllm";
import { ROOT } from "../support.js";

const run = promisify(execFile);
const base = realpathSync(mkdtempSync(join(tmpdir(), "roc package ")));
after(() => rmSync(base, { recursive: true, force: true }));

const project = join(base, "my app");
const home = join(base, "home");
const installed = join(project, "node_modules/roc4mllm");
const libtorch = (JSON.parse(readFileSync(`${ROOT}build/libtorch.json`, "utf8")) as { location: { root: string } })
  .location.root;
const PHOTO = `${ROOT}examples/photos/portrait-good.jpg`;

/** Without what npm and this test's own project put there. */
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|NODE_TEST)/.test(name))),
  ROC4MLLM_HOME: home,
  LIBTORCH: libtorch,
};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function end(
  command: string,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
  cwd = project,
): Promise<Ended> {
  try {
    return { code: 0, ...(await run(command, args, { cwd, env: { ...env, ...more }, maxBuffer: 2 ** 26 })) };
  } catch (error) {
    return error as Ended;
  }
}

async function must(...args: Parameters<typeof end>): Promise<string> {
  const { code, stdout, stderr } = await end(...args);
  assert.equal(code, 0, `${args[0]} ${args[1].join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

const node = (file: string, more?: NodeJS.ProcessEnv): Promise<Ended> => end(process.execPath, [file], more);
const roc4mllm = (args: readonly string[], more?: NodeJS.ProcessEnv): Promise<Ended> =>
  end("npx", ["--no-install", "roc4mllm", ...args], more);

function write(name: string, text: string): void {
  writeFileSync(join(project, name), text);
}

const SCORE = `
  const model = await load(DEMO_MODEL);
  const { score } = await model.scoreOne(process.env.PHOTO ?? "");
  model.dispose();
  console.log(JSON.stringify(score));
  await load("nowhere").catch((error: unknown) => console.log(isRocError(error) && error.code));
`;
const IMPORT = `import { DEMO_MODEL, isRocError, load } from "roc4mllm";`;
const SERVER = `
  import { readFile } from "node:fs/promises";
  import { DEMO_MODEL, load } from "roc4mllm";
  import { createServer, SERVER_LIMITS, type ServerOptions } from "roc4mllm/server";
  const model = await load(DEMO_MODEL);
  const options: ServerOptions = { model, limits: { queue: SERVER_LIMITS.queue } };
  const server = createServer(options);
  server.get("/mine", async () => ({ hello: "world" }));
  const images = [await readFile(process.env.PHOTO ?? "", "base64")];
  const scored = await server.inject({ method: "POST", url: "/v1/score", payload: { images } });
  console.log(scored.json<{ results: { score: number }[] }>().results[0]?.score);
  for (const url of ["/mine", "/"]) console.log((await server.inject(url)).body.includes(url === "/" ? "<script" : "world"));
  await server.close();
  model.dispose();
`;
const plain = (text: string): string => text.replace(": unknown", "");

let packed: { readonly files: readonly { readonly path: string }[]; readonly size: number; readonly filename: string };
let expected: string;

before(async () => {
  const model = await load(DEMO_MODEL);
  expected = `${JSON.stringify((await model.scoreOne(PHOTO)).score)}\nFILE_NOT_FOUND\n`;
  model.dispose();
  mkdirSync(project);
  const [first] = JSON.parse(await must("npm", ["pack", "--json", "--pack-destination", base], {}, ROOT)) as [
    typeof packed,
  ];
  packed = first;
  write("package.json", `{"name": "my-app", "version": "1.0.0", "private": true, "type": "module"}\n`);
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  await must("npm", ["install", ...flags, join(base, packed.filename)]);
  write("app.mjs", plain(`${IMPORT}${SCORE}`));
  write(
    "app.cjs",
    plain(`const { DEMO_MODEL, isRocError, load } = require("roc4mllm");\n(async () => {${SCORE}})();\n`),
  );
});

test("the tarball holds what a user needs, and no more", () => {
  const paths = packed.files.map(({ path }) => path);
  const kinds = new Set(paths.map((path) => path.split("/")[0]));
  const wanted = ["LICENSE", "README.md", "package.json", "commonjs", "configs", "dist", "docs", "examples", "models"];
  assert.deepEqual(kinds, new Set([...wanted, "native", "scripts"].sort()));
  assert.deepEqual(
    paths.filter((path) => /\.test\.|\.map$|^dist\/(?!src\/|page\/|alone\/)|tsbuildinfo/.test(path)),
    [],
  );
  for (const path of [
    "dist/src/index.js",
    "dist/src/index.d.ts",
    "dist/page/index.html",
    "models/demo/model.safetensors",
    "native/module.cc",
  ]) {
    assert.ok(paths.includes(path), path);
  }
  assert.ok(packed.size < 6e6, `${packed.size} bytes`);
});

test("before set-up, imports and commands name the command that helps, and --dry-run does nothing", async () => {
  const outcomes = [await node("app.mjs"), await node("app.cjs"), await roc4mllm(["score", PHOTO])];
  for (const { code, stderr } of outcomes) {
    assert.notEqual(code, 0);
    assert.match(stderr, /The native addon is not built: .*roc4mllm\.node is missing\. Run "npx roc4mllm setup"/);
    assert.doesNotMatch(stderr, /npm run build/);
  }
  assert.match(outcomes[0]?.stderr ?? "", /NATIVE_UNAVAILABLE/);
  assert.equal(outcomes[2]?.code, 5);
  assert.match((await roc4mllm(["--help"])).stdout, /setup .*libtorch/);
  const { code, stdout } = await roc4mllm(["setup", "--dry-run", "--json"]);
  assert.equal(code, 0);
  const { done, steps } = JSON.parse(stdout) as {
    done: boolean;
    steps: { step: string; done: boolean; path: string }[];
  };
  assert.equal(done, false);
  assert.deepEqual(
    steps.map((step) => [step.step, step.done]),
    [
      ["libtorch", true],
      ["addon", false],
    ],
  );
  assert.ok(steps[1]?.path.startsWith(home));
  assert.equal(existsSync(home), false);
});

/** The addons of this clone instead of the package's: the sources are the same. All of them, or set-up would compile for minutes. */
async function placeAddon(): Promise<void> {
  write(
    "place.mjs",
    `import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
    const script = (name) => import(${JSON.stringify(pathToFileURL(installed).href)} + "/scripts/" + name + ".mjs");
    const { provideLibtorch } = await script("libtorch");
    const { ADDON_NAME, PIXELS_NAME, addonFolders, homeOf, noteLibtorch } = await script("places");
    const { stampOf } = await script("native");
    const location = await provideLibtorch(homeOf(process.env), process.env);
    const { addon } = addonFolders(process.env);
    mkdirSync(addon, { recursive: true });
    for (const name of [ADDON_NAME, PIXELS_NAME]) copyFileSync(${JSON.stringify(`${ROOT}build/native/`)} + name, addon + "/" + name);
    noteLibtorch(addon, location);
    writeFileSync(addon + "/stamp", stampOf(location));`,
  );
  await must(process.execPath, ["place.mjs"]);
}

test("set-up says when all is there, and does nothing again", async () => {
  if (process.env["ROC_TEST_ADDON"] !== "1") {
    await placeAddon();
    const planned = await roc4mllm(["setup", "--dry-run", "--json"]);
    assert.equal((JSON.parse(planned.stdout) as { done: boolean }).done, true, "set-up would compile, for minutes");
  }
  const { code, stdout, stderr } = await roc4mllm(["setup", "--json"]);
  assert.equal(code, 0, stderr);
  assert.equal((JSON.parse(stdout) as { done: boolean }).done, true);
  assert.match(stderr, /Everything is ready/);
  // The libtorch of the first time is that of every later one, LIBTORCH or not.
  for (const given of [{}, { LIBTORCH: "" }]) {
    const plan = await roc4mllm(["setup", "--dry-run"], given);
    assert.match(plan.stdout, /1\. libtorch \(done\).*2\. addon \(done\)/s);
  }
});

test("set-up says where it cannot write, and what is missing, before it does anything", async () => {
  for (const unwritable of [join(project, "app.mjs/home"), "/proc/home"]) {
    const { code, stderr } = await roc4mllm(["setup"], { ROC4MLLM_HOME: unwritable });
    assert.equal(code, 5);
    assert.match(stderr, /cannot be written .*Set ROC4MLLM_HOME to a folder that can be/);
  }
  const fresh = join(base, "fresh");
  const main = join(installed, "dist/src/cli/main.js");
  const { code, stderr } = await end(process.execPath, [main, "setup"], { ROC4MLLM_HOME: fresh, PATH: base });
  assert.equal(code, 5);
  assert.match(stderr, /CMake 3\.18 or later is not on the PATH.*no C\+\+17 compiler.*Nothing was fetched or built/s);
});

test("ES modules, CommonJS and the command line score a photo", async () => {
  for (const file of ["app.mjs", "app.cjs"]) {
    const { stdout, stderr } = await node(file, { PHOTO });
    assert.equal(stdout, expected, `${file}: ${stderr}`);
    assert.equal(stderr, "", file);
  }
  const { stdout } = await roc4mllm(["score", "--json", PHOTO]);
  assert.equal(`${(JSON.parse(stdout) as { score: number }).score}\nFILE_NOT_FOUND\n`, expected);
});

test("TypeScript compiles strictly against it as both kinds of module, and the result runs", async () => {
  write("esm.mts", `${IMPORT}${SCORE}`);
  write("common.cts", `${IMPORT}\nasync function main(): Promise<void> {${SCORE}}\nvoid main();\n`);
  write(
    "same.cts",
    `import type * as esm from "roc4mllm" with { "resolution-mode": "import" };
    import * as cjs from "roc4mllm";
    import type { Model, ScoreResult, torch } from "roc4mllm";
    export const all: typeof esm = cjs;
    export const score = async (model: Model): Promise<ScoreResult> => model.scoreOne(new URL("file:///a.jpg"));
    export const rows = (tensor: torch.Tensor): number | undefined => tensor.shape[0];
    // @ts-expect-error a score is a number
    export const wrong = async (model: Model): Promise<string> => (await model.scoreOne("a.jpg")).score;`,
  );
  write("server.mts", SERVER);
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  const compile = (module: string, ...more: string[]): Promise<string> => {
    const flags = ["--strict", "--target", "es2022", "--module", module, "--types", "node", ...more];
    return must(process.execPath, [tsc, ...flags, "esm.mts", "server.mts", "common.cts", "same.cts"]);
  };
  await Promise.all([compile("node16"), compile("nodenext", "--noEmit", "--skipLibCheck")]);
  for (const file of ["esm.mjs", "common.cjs"]) assert.equal((await node(file, { PHOTO })).stdout, expected, file);
  const served = await node("server.mjs", { PHOTO });
  assert.equal(served.stdout, `${expected.split("\n")[0]}\ntrue\ntrue\n`, served.stderr);
  // By name, at run time too.
  write("names.mjs", `import * as esm from "roc4mllm";\nconsole.log(Object.keys(esm).sort().join());\n`);
  write("names.cjs", `console.log(Object.keys(require("roc4mllm")).sort().join());\n`);
  assert.equal((await node("names.cjs")).stdout, (await node("names.mjs")).stdout);
});

test("an addon that does not fit any more is reported, with the command that helps", async () => {
  const elsewhere = { LIBTORCH: base };
  const { code, stderr } = await roc4mllm(["score", PHOTO], elsewhere);
  assert.equal(code, 5);
  assert.match(
    stderr,
    /does not fit: it was built on the libtorch in .*, and LIBTORCH is .*\. Run "npx roc4mllm setup"/,
  );
  // Sources of another version never find this one's.
  const source = join(installed, "native/module.cc");
  copyFileSync(source, join(base, "module.cc"));
  writeFileSync(source, `${readFileSync(source, "utf8")}\n`);
  assert.match((await roc4mllm(["score", PHOTO])).stderr, /is not built/);
  copyFileSync(join(base, "module.cc"), source);
  assert.equal((await roc4mllm(["score", PHOTO])).code, 0);
});
