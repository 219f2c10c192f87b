/** `--head` and the named choices: from a name to a file or a repository, without and with a hub. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { knownCheckpoint, publishedWorth, repoOfChoice } from "../../src/roc/published/checkpoints.js";
import { load } from "../../src/engine/index.js";
import { isRocError } from "../../src/errors.js";
import { fakeHub } from "../hub/support.js";
import { fixture, ROOT } from "../support.js";
import { runProgram } from "./program.js";
import { folderWith } from "./support.js";

const CLIP = fixture("baselines/clip/clip");
const HEAD = fixture("baselines/clip/mlp.pth");
const PHOTO = join(ROOT, "examples/photos/landscape-good.jpg");

interface Line {
  readonly score: number;
  readonly model: string;
}

test("a tower with a head's file scores; another head is another model; without one the error says how", async (t) => {
  const cwd = folderWith(t, {});
  const run = (...argv: string[]) => runProgram(["score", PHOTO, "--json", "--model", CLIP, ...argv], { cwd, env: {} });
  const scored = await run("--head", HEAD);
  assert.equal(scored.code, 0, scored.stderr);
  const photos = join(ROOT, "examples/photos");
  const first = ["library", "scan", photos, "--library", join(cwd, "l.db"), "--first", CLIP, "--contenders", "10%"];
  const cascade = await runProgram([...first, "--first-head", HEAD, "--model", CLIP, "--head", fixture("baselines/clip/relu.pth")], { cwd, env: {} }); // prettier-ignore
  assert.equal(cascade.code, 0, cascade.stderr);
  assert.match(scored.stderr, /is read as a CLIP tower with a head of linear maps \(LAION v2\)/);
  const { score, model } = JSON.parse(scored.stdout) as Line;
  using other = await load(CLIP, { head: fixture("baselines/clip/relu.pth"), worker: false });
  assert.notEqual(other.name, model);
  using same = await load(CLIP, { head: HEAD, worker: false });
  assert.equal(same.name, model);
  assert.ok(Math.abs((await same.scoreOne(PHOTO)).score - score) < 1e-4);
  await assert.rejects(load(CLIP), (error) => isRocError(error) && /--head, a name \(laion-v2/.test(error.message));
  await assert.rejects(load(join(ROOT, "models/demo"), { head: HEAD }), (error) => isRocError(error) && error.code === "USAGE"); // prettier-ignore
});

test("a head's name is found on the hub for its tower, else the message says where its file is", async (t) => {
  const file = "sac+logos+ava1-l14-linearMSE.pth";
  const hub = await fakeHub(t, {}, { repo: "camenduru/improved-aesthetic-predictor" });
  hub.files.set(file, { content: readFileSync(HEAD), lfs: true });
  const cwd = folderWith(t, {});
  const tower = join(cwd, "tower");
  cpSync(CLIP, tower, { recursive: true });
  const config = JSON.parse(readFileSync(join(CLIP, "config.json"), "utf8")) as { vision_config: object };
  const sized = (sizes: object): void =>
    writeFileSync(join(tower, "config.json"), JSON.stringify({ ...config, vision_config: { ...config.vision_config, ...sizes } })); // prettier-ignore
  sized({ hidden_size: 1024, patch_size: 14, image_size: 224 });
  const env = { HF_HOME: join(cwd, "hub"), HF_ENDPOINT: hub.endpoint, NO_PROXY: "*" };
  const run = (head: string) => runProgram(["score", PHOTO, "--model", tower, "--head", head], { cwd, env });
  // Found and fetched: what is wrong then is this tower, which is none of that size.
  const fetched = await run("laion-v2");
  assert.match(fetched.stderr, /is not prepared|makes pictures of 16 x 16|does not fit its config/, fetched.stderr);
  assert.ok(hub.asked.some(({ path }) => path.includes("linearMSE.pth")));
  const first = await run("laion-v1");
  assert.match(first.stderr, /Download https:\/\/github\.com\/LAION-AI\/.*sa_0_4_vit_l_14_linear\.pth \(MIT\) and give it: --head/); // prettier-ignore
  assert.match((await run("laion-v3")).stderr, /no file laion-v3, and no published head of that name: known are laion-v2/); // prettier-ignore
  sized({ hidden_size: 768, patch_size: 32, image_size: 224 });
  const wrong = await run("laion-v2");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /laion-v2 was trained on embeddings of ViT-L\/14, and this tower is ViT-B\/32/);
  const nima = join(cwd, "nima");
  cpSync(CLIP, nima, { recursive: true });
  writeFileSync(join(nima, "config.json"), JSON.stringify({ model_type: "nima" }));
  for (const model of [["--model", nima], ["--model", HEAD], []]) {
    const none = await runProgram(["score", PHOTO, ...model, "--head", "laion-v2"], { cwd, env });
    assert.equal(none.code, 2, none.stderr);
    assert.match(none.stderr, /is no folder of a CLIP tower, .*Name one: --model openai\/clip-vit-large-patch14/);
  }
  for (const model of [nima, fixture("baselines/nima/vgg16.pth")]) {
    const based = await runProgram(["score", PHOTO, "--model", model, "--base", tower], { cwd, env });
    assert.equal(based.code, 2, based.stderr);
    assert.match(based.stderr, /--base \(base\) means nothing to .*classical system/);
  }
  await hub.close();
  sized({ hidden_size: 1024, patch_size: 14, image_size: 224 });
  const absent = await run("laion-v2-ava");
  assert.match(absent.stderr, /Download https:\/\/github\.com\/christophschuhmann\/.*ava%2Blogos-l14-linearMSE\.pth/);
});

test("short names stand for repositories whose worth is told honestly", () => {
  const repo = "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE";
  assert.equal(repoOfChoice("laion-v2"), repo);
  assert.equal(repoOfChoice("owner/model"), "owner/model");
  const known = knownCheckpoint(`${repo}@01234567`);
  assert.ok(known);
  assert.match(publishedWorth(known), /^on AVA's photographs none established: its head has learned from AVA, test/);
  assert.equal(knownCheckpoint(repoOfChoice("laion-v1"))?.title, "LAION aesthetics v1");
});

test("use laion-v2 shows licence, size and memory of its repository, and fetches nothing before it is agreed", async (t) => {
  const hub = await fakeHub(t, {}, { repo: repoOfChoice("laion-v2") });
  const one = fixture("baselines/clip/one");
  for (const name of ["config.json", "pytorch_model.bin"])
    hub.files.set(name, { content: readFileSync(join(one, name)), lfs: name.endsWith(".bin") });
  const cwd = folderWith(t, {});
  const env = { XDG_CONFIG_HOME: join(cwd, "config"), HF_HOME: join(cwd, "hub"), HF_ENDPOINT: hub.endpoint, NO_PROXY: "*" }; // prettier-ignore
  const asked = await runProgram(["use", "laion-v2"], { cwd, env });
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /LAION aesthetics v2.*\nlicence +Apache-2\.0 \(head\), MIT \(tower\).*\nsize .*44 kB.*\nmemory +about 600 MB in bfloat16/); // prettier-ignore
  assert.match(asked.stderr, /worth +LAION aesthetics v2: on AVA's photographs none established/);
  assert.equal(hub.asked.length, 0);
  const used = await runProgram(["use", "laion-v2", "--yes", "--json"], { cwd, env });
  assert.equal(used.code, 0, used.stderr);
  assert.equal((JSON.parse(used.stdout) as Line).model, repoOfChoice("laion-v2"));
  assert.equal((await runProgram(["score", PHOTO], { cwd, env })).code, 0);
});
