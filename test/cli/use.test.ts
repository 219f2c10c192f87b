/** `use`: the checkpoint that scores where none is named, from a folder, the hub, the settings and the environment. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DEMO_MODEL } from "../../src/engine/demo.js";
import { worthOf } from "../../src/engine/worth.js";
import { KNOWN_CHECKPOINTS, knownCheckpoint, publishedWorth } from "../../src/roc/published/checkpoints.js";
import { choose, scorerNamed } from "../../src/roc/published/index.js";
import { fakeHub } from "../hub/support.js";
import { ROOT } from "../support.js";
import { runProgram } from "./program.js";
import { folderWith } from "./support.js";

interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly settings: string;
}

/** A home with nothing in it, and one photo. */
function place(t: TestContext, more: NodeJS.ProcessEnv = {}): Place {
  const cwd = folderWith(t, {});
  cpSync(join(DEMO_MODEL, "../../examples/photos/landscape-good.jpg"), join(cwd, "a.jpg"));
  const env = { XDG_CONFIG_HOME: join(cwd, "config"), HF_HOME: join(cwd, "hub"), NO_PROXY: "*", ...more };
  return { cwd, env, settings: join(cwd, "config/roc4mllm/settings.json") };
}

/** The demo's files, as a folder or as a hub's repository `owner/model`. */
const demoFiles = (): Record<string, { content: Buffer; lfs: boolean }> =>
  Object.fromEntries(
    readdirSync(DEMO_MODEL).map((name) => {
      const content = readFileSync(join(DEMO_MODEL, name));
      return [name, { content, lfs: name.endsWith(".safetensors") }];
    }),
  );

/** A process whose input stays open behind the answer, as a terminal's does. */
async function answer(
  said: string,
  argv: readonly string[],
  { cwd, env }: Pick<Place, "cwd" | "env">,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(ROOT, "dist/src/cli/main.js"), ...argv], {
    cwd,
    env: { ...process.env, ...env },
  });
  const ended = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (ended.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (ended.stderr += text));
  child.stdin.write(said);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...ended };
}

/** Weights of one's own, of the same size: one byte of the demo's is another. */
function changeWeights(folder: string): void {
  const file = join(folder, "model.safetensors");
  const weights = readFileSync(file);
  writeFileSync(file, weights.fill(weights.at(-1) === 1 ? 2 : 1, weights.length - 1));
}

const model = (stdout: string): unknown => (JSON.parse(stdout) as { model: unknown }).model;

test("a folder becomes the default of score, is said by --help, and demo goes back", async (t) => {
  const { settings, ...at } = place(t);
  cpSync(DEMO_MODEL, join(at.cwd, "mine"), { recursive: true });
  changeWeights(join(at.cwd, "mine"));
  assert.match((await runProgram(["use"], at)).stdout, /^checkpoint {2}demo\nby {10}the package itself\n[^]*real photographs/); // prettier-ignore
  const used = await runProgram(["use", "mine"], at);
  assert.equal(used.code, 0, used.stderr);
  assert.match(used.stdout, /checkpoint {2}\S+mine\nby {10}roc4mllm use\n[^]*licence +unknown: .*\nsize +4 MB of weights\n/); // prettier-ignore
  assert.match((await runProgram(["score", "--help"], at)).stdout.replace(/\s+/g, " "), /\(default: \S+mine, by "roc4mllm use"\)/); // prettier-ignore
  const scored = await runProgram(["score", "a.jpg", "--json"], at);
  assert.match(String(model(scored.stdout)), /^mine@/);
  assert.match(scored.stderr, /What mine@\w+ is worth on real photographs is unknown here/);
  const named = await runProgram(["score", "a.jpg", "--json", "--model", "demo"], at);
  assert.match(String(model(named.stdout)), /^demo@/);
  const shell = { ...at, env: { ...at.env, ROC4MLLM_MODEL: "demo" } };
  assert.match(String(model((await runProgram(["score", "a.jpg", "--json"], shell)).stdout)), /^demo@/);
  assert.match((await runProgram(["use", "--json"], shell)).stdout, /"source":"environment"/);
  rmSync(join(at.cwd, "mine"), { recursive: true });
  const gone = await runProgram(["score", "a.jpg"], at);
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /default checkpoint \S+mine is gone: there is no folder .*"roc4mllm use demo" goes back/);
  writeFileSync(settings, JSON.stringify({ ...(JSON.parse(readFileSync(settings, "utf8")) as object), other: 1 }));
  assert.match((await runProgram(["use", "demo"], at)).stdout, /^checkpoint {2}demo\n/);
  assert.deepEqual(JSON.parse(readFileSync(settings, "utf8")), { other: 1 });
  const { stderr } = await runProgram(["score", "a.jpg"], at);
  assert.match(stderr, /by demo@.*\nThe demo weights show that everything works and know nothing of real photographs\.\n$/); // prettier-ignore
});

test("what cannot be loaded is refused, and settings that cannot be read are named with the remedy", async (t) => {
  const { settings, ...at } = place(t);
  cpSync(DEMO_MODEL, join(at.cwd, "mine"), { recursive: true });
  rmSync(join(at.cwd, "mine/model.safetensors"));
  const broken = await runProgram(["use", "mine"], at);
  assert.equal(broken.code, 4);
  assert.match(broken.stderr, /mine cannot be used, and the default is as before: .*safetensors/);
  assert.ok(!existsSync(settings));
  assert.match(
    (await runProgram(["use", "nowhere"], at)).stderr,
    /no folder nowhere.* short name: laion-v2, laion-v1, demo/,
  );
  await runProgram(["use", "demo"], at);
  writeFileSync(settings, "{");
  const unread = await runProgram(["score", "a.jpg"], at);
  assert.equal(unread.code, 4);
  assert.match(unread.stderr, /settings\.json is not JSON: .*"roc4mllm use demo" writes the file anew/);
  assert.match((await runProgram(["score", "--help"], at)).stdout, /\(default: the demo/);
  assert.equal((await runProgram(["use", "demo"], at)).code, 0);
  assert.equal(readFileSync(settings, "utf8"), "{}\n");
});

test("of the hub nothing is fetched before the user agrees; then it is used without the hub", async (t) => {
  const hub = await fakeHub(t, demoFiles());
  const { settings, ...at } = place(t, { HF_ENDPOINT: hub.endpoint });
  const asked = await runProgram(["use", "owner/model"], at);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /licence +unknown[^]*size +4 MB of weights; 4 MB are to be fetched\nmemory +about 4 MB in bfloat16, [^]*worth[^]*make it the default\? \[y\/N\]/); // prettier-ignore
  assert.match(asked.stderr, /Nothing was fetched.*--yes/);
  assert.deepEqual([hub.asked.length, existsSync(settings)], [0, false]);
  const answered = await answer("n\n", ["use", "owner/model"], at);
  assert.match(answered.stderr, /make it the default\? \[y\/N\].*Nothing was fetched/s);
  assert.deepEqual([answered.code, hub.asked.length], [2, 0]);
  const used = await answer("y\n", ["use", "owner/model", "--json"], at);
  assert.equal(used.code, 0, used.stderr);
  assert.ok(hub.asked.length > 0);
  assert.equal(model(used.stdout), "owner/model");
  const fetched = hub.asked.length;
  assert.match(String(model((await runProgram(["score", "a.jpg", "--json"], at)).stdout)), /^owner\/model@/);
  assert.equal(hub.asked.length, fetched);
  await runProgram(["use", "demo"], at);
  await hub.close();
  const again = await runProgram(["use", "owner/model", "--json"], { ...at, env: { ...at.env, HF_HUB_OFFLINE: "1" } });
  assert.equal(again.code, 0, again.stderr);
  const absent = await runProgram(["use", "owner/other"], { ...at, env: { ...at.env, HF_HUB_OFFLINE: "1" } });
  assert.match(absent.stderr, /owner\/other \(main\) is not in the cache .* HF_HUB_OFFLINE is set/);
});

test("a published checkpoint is known by its whole name alone", () => {
  const title = (name: string): string | undefined => knownCheckpoint(name)?.title;
  assert.equal(title("q-future/Q-ReAlign-Mini-0.8B@0123abcd"), "Q-ReAlign Mini");
  assert.equal(title("/cache/one-align/"), "OneAlign, Q-Align");
  assert.match(title("somebody/ArtiMuse_AVA") ?? "", /^ArtiMuse's _AVA/);
  assert.equal(title("not-as-good-as-q-sit"), undefined);
  assert.equal(title("q-sit-finetuned"), undefined);
  const mini = knownCheckpoint("Q-ReAlign-Mini");
  assert.match(mini ? publishedWorth(mini) : "", /its authors' page reports SRCC \.797 and PLCC \.794/);
});

test("published figures are quoted of the scorer and the aspect that they were measured with alone", () => {
  const worth = (name: string, scorer?: object): string =>
    worthOf({ name, method: { family: "a", strategy: "words", prompt: "", answer: "", ...scorer } }).text;
  const asked = (name: string, aspect: string): object => ({ scorer: { name, aspect, prompt: "", source: "" } });
  const mini = "Q-ReAlign-Mini-0.8B@0123abcd";
  assert.match(
    worth(mini, asked("q-realign", "aesthetics")),
    /SRCC \.797 and PLCC \.794 on AVA's test photographs \(not checked/,
  );
  const quality = worth(mini, asked("q-realign", "quality"));
  assert.doesNotMatch(quality, /\.797/);
  assert.match(
    quality,
    /are of --scorer q-realign --aspect aesthetics; of --scorer q-realign --aspect quality none is known/,
  );
  assert.doesNotMatch(worth("ArtiMuse", asked("unipercept", "aesthetics")), /\.827/);
  assert.match(worth("ArtiMuse", asked("artimuse", "aesthetics")), /\.827/);
  assert.doesNotMatch(worth("ArtiMuse_AVA", asked("artimuse", "aesthetics")), /\.827/);
  // Trained further under the same name, with score tokens of its own.
  assert.match(worth("one-align"), /of its own texts none is known/);
  assert.match(worth("ROC4MLLM"), /\.833/);
  // Before it is loaded nobody knows how it will be asked.
  assert.match(worthOf({ name: mini, folder: "a" }).text, /\.797.* with --scorer q-realign --aspect aesthetics/);
});

test("a copy of the demo weights is worth what they are, and another checkpoint of their size is not they", (t) => {
  const copy = folderWith(t, {});
  cpSync(DEMO_MODEL, copy, { recursive: true });
  const { text } = worthOf({ name: "demo", folder: DEMO_MODEL });
  assert.deepEqual(worthOf({ name: "mine@1", folder: copy }), { demo: true, known: undefined, text });
  changeWeights(copy);
  assert.match(worthOf({ name: "mine@1", folder: copy }).text, /What mine@1 is worth .* is unknown here/);
});

test("every scorer and aspect that figures are of is there", () => {
  for (const { asked, modelType } of KNOWN_CHECKPOINTS) {
    if (!asked) continue;
    const { scorer } = choose(scorerNamed(asked.name), { aspect: asked.aspect });
    assert.ok(scorer.families.includes(modelType), asked.name);
  }
});
