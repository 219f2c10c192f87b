/** How many threads are used, and that the number follows from the machine and the model alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { load } from "../../src/engine/index.js";
import { threadsAreGiven, threadsFor, usableCores } from "../../src/torch/cores.js";
import { applyThreads, checkDevice, getNumThreads, withThreads } from "../../src/torch/index.js";
import { ROOT } from "../support.js";

const LINUX = process.platform === "linux" ? false : "control groups are Linux's";

/** Cores of a machine with 64, in a control group with these files. */
function coresWith(files: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}): number {
  return usableCores(env, (path) => files[path], 64);
}

test(
  "a container's quota counts, in both versions of control groups, the least of all around it",
  { skip: LINUX },
  () => {
    assert.equal(coresWith({}), 64);
    const v2 = { "/proc/self/cgroup": "0::/pod/box\n" };
    assert.equal(coresWith(v2), 64);
    assert.equal(coresWith({ ...v2, "/sys/fs/cgroup/pod/box/cpu.max": "max 100000\n" }), 64);
    assert.equal(coresWith({ ...v2, "/sys/fs/cgroup/pod/box/cpu.max": "250000 100000\n" }), 2);
    assert.equal(coresWith({ ...v2, "/sys/fs/cgroup/pod/cpu.max": "300000 100000\n", "/sys/fs/cgroup/pod/box/cpu.max": "800000 100000\n" }), 3); // prettier-ignore
    assert.equal(
      coresWith({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n" }),
      1,
      "at least one",
    );
    const v1 = { "/proc/self/cgroup": "5:memory:/a:b\n4:cpu,cpuacct:/a:b\n0::/\n" };
    const folder = "/sys/fs/cgroup/cpu/a:b";
    assert.equal(coresWith({ ...v1, [`${folder}/cpu.cfs_quota_us`]: "400000\n", [`${folder}/cpu.cfs_period_us`]: "100000\n" }), 4); // prettier-ignore
    assert.equal(coresWith({ ...v1, [`${folder}/cpu.cfs_quota_us`]: "-1\n", [`${folder}/cpu.cfs_period_us`]: "100000\n" }), 64); // prettier-ignore
  },
);

test("processes that share the machine share its cores", () => {
  assert.equal(coresWith({}, { LOCAL_WORLD_SIZE: "8" }), 8);
  assert.equal(coresWith({}, { LOCAL_WORLD_SIZE: "100" }), 1);
  assert.equal(coresWith({}, { LOCAL_WORLD_SIZE: "many" }), 64);
});

test("a small model gets fewer threads, a batch of pictures more", () => {
  assert.equal(threadsFor(2e6, 1, 16), 1);
  assert.equal(threadsFor(2e6, 16, 16), 8);
  assert.equal(threadsFor(31e6, 1, 16), 8);
  assert.equal(threadsFor(7e9, 1, 16), 16);
  assert.equal(threadsFor(0, 1, 16), 1);
});

test("the user's variables go before", () => {
  assert.equal(threadsAreGiven({}), false);
  assert.equal(threadsAreGiven({ OMP_NUM_THREADS: "" }), false);
  assert.equal(threadsAreGiven({ OMP_NUM_THREADS: "3" }), true);
  assert.equal(threadsAreGiven({ MKL_NUM_THREADS: "3" }), true);
});

test("threads hold for a call and no longer, also where it throws", () => {
  const before = getNumThreads();
  try {
    applyThreads(2);
    assert.equal(withThreads(1, getNumThreads), 1);
    assert.equal(getNumThreads(), 2);
    assert.throws(() => withThreads(3, () => assert.fail("inside")), /inside/);
    assert.equal(getNumThreads(), 2);
  } finally {
    applyThreads(before);
  }
});

test("load() takes a number of threads, leaves the program's alone and refuses what is none", async () => {
  const before = getNumThreads();
  using model = await load(`${ROOT}models/demo`, { threads: 3 });
  const result = await model.scoreOne(`${ROOT}examples/photos/portrait-good.jpg`);
  assert.ok("score" in result && Number.isFinite(result.score));
  assert.equal(getNumThreads(), before);
  for (const threads of [0, 1.5, NaN, -1]) {
    await assert.rejects(load(`${ROOT}models/demo`, { threads }), { code: "USAGE", message: /^threads is / });
  }
});

test("a device is checked against those that are here", () => {
  const refusal = (device: string, counts: Readonly<Record<string, number>>): string => {
    try {
      checkDevice(device, (kind) => counts[kind] ?? 0);
      return "";
    } catch (error) {
      assert.ok(isRocError(error) && error.code === "USAGE");
      return error.message;
    }
  };
  for (const device of ["cpu", "cuda", "cuda:0"]) assert.equal(refusal(device, { cuda: 1 }), "");
  assert.equal(refusal("cuda:3", { cuda: 4 }), "");
  assert.equal(refusal("mps", { mps: 1 }), "");
  assert.match(refusal("cuda:7", { cuda: 1 }), /^Device cuda:7: there is cuda:0 alone here/);
  assert.match(refusal("cuda:4", { cuda: 4 }), /^Device cuda:4: there is cuda:0 to cuda:3 here/);
  assert.match(refusal("xpu:1", { xpu: 1 }), /^Device xpu:1: there is xpu:0 alone here/);
  for (const device of ["cuda", "cuda:0", "xpu", "mps"]) {
    assert.match(refusal(device, {}), RegExp(`^Device ${device}: this libtorch finds no ${device.slice(0, 3).toUpperCase()}`)); // prettier-ignore
  }
  for (const device of ["gpu", "cuda:", "cuda:01", "cuda:-1", "cuda:1.5", "cpu:0", "mps:0", "cuda:99999", ""])
    assert.match(refusal(device, { cuda: 1e6, mps: 1 }), /is no device/, device);
});
