/** Modes and switches are afterwards what they were before: nested, overlapping, after a throw, in a worker that ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { isOutOfMemory, RocError } from "../../src/errors.js";
import * as torch from "../../src/torch/index.js";

const { autocast, enableGrad, flagIsOn, getNumThreads, holdFlag, holdThreads, inferenceMode, manualSeed, mapFile } =
  torch;
const { noGrad, randn, RandomStream, scope, setFlag, setNumThreads, tensor, withThreads, zeros } = torch;

const FLAGS = ["allowTf32", "cudnnAttention", "deterministic", "keepFreedMemory"] as const;
const release = (hold: Disposable): void => hold[Symbol.dispose]();

test("cuDNN's attention, which plans for every length, is off unless it is turned on", () => {
  assert.equal(flagIsOn("cudnnAttention"), false);
});

for (const flag of FLAGS) {
  test(`${flag} is put back, whatever it was and in whatever order holders end`, () => {
    for (const base of [true, false]) {
      setFlag(flag, base);
      const [first, second] = [holdFlag(flag, true), holdFlag(flag, true)];
      release(first);
      assert.equal(flagIsOn(flag), true, "the second still holds");
      release(second);
      release(second);
      assert.equal(flagIsOn(flag), base);
      assert.throws(() => {
        using _ = holdFlag(flag, !base);
        assert.equal(flagIsOn(flag), !base);
        throw new Error("x");
      }, /x/);
      assert.equal(flagIsOn(flag), base);
      {
        using _ = holdFlag(flag, base);
        setFlag(flag, !base);
        assert.equal(flagIsOn(flag), base, "held");
      }
      assert.equal(flagIsOn(flag), !base, "what was set meanwhile holds afterwards");
    }
    setFlag(flag, false);
  });
}

test("a worker that ends with a switch held lets go of it", async () => {
  const module = new URL("../../src/torch/index.js", import.meta.url).href;
  const code = `import(${JSON.stringify(module)}).then(({ holdFlag }) => { holdFlag("deterministic", true); process.exit(0); });`;
  using _ = holdFlag("deterministic", false);
  const worker = new Worker(code, { eval: true });
  await once(worker, "exit");
  assert.equal(flagIsOn("deterministic"), false);
});

test("an unknown switch is named", () => {
  assert.throws(() => setFlag("fast" as "allowTf32", true), { code: "USAGE", message: /'fast'/ });
});

test("threads are put back: nested, overlapping, after a throw and a change inside", () => {
  setNumThreads(1);
  withThreads(2, () => {
    withThreads(3, () => assert.equal(getNumThreads(), 3));
    assert.equal(getNumThreads(), 2);
  });
  assert.throws(() => withThreads(2, () => assert.fail("x")));
  const [first, second] = [holdThreads(2), holdThreads(3)];
  release(first);
  assert.equal(getNumThreads(), 3);
  release(second);
  assert.equal(getNumThreads(), 1);
  // As many as before, but the body changes them.
  withThreads(1, () => setNumThreads(2));
  assert.equal(getNumThreads(), 2);
  setNumThreads(1);
});

test("autocast nests: the outer one resumes, and a wrong dtype leaves nothing behind", () => {
  scope(() => {
    const a = randn([4, 4]);
    const product = (): string => a.matmul(a).dtype;
    autocast({ device: "cpu", dtype: "bfloat16" }, () => {
      assert.equal(autocast({ device: "cpu", dtype: "float16" }, product), "float16");
      assert.equal(product(), "bfloat16");
      assert.throws(() => autocast({ device: "cpu", dtype: "bfloat16" }, () => assert.fail("x")));
      assert.throws(() => autocast({ device: "cpu", dtype: "floaty" as "float16" }, product), { code: "USAGE" });
      assert.throws(() => autocast({ device: "gpu", dtype: "float16" }, product), { code: "USAGE" });
      assert.equal(product(), "bfloat16");
    });
    assert.equal(product(), "float32");
  });
});

test("functions that a mode holds for must not continue after they return", () => {
  const modes: Readonly<Record<string, (body: () => unknown) => unknown>> = {
    noGrad,
    enableGrad,
    inferenceMode,
    autocast: (body) => autocast({ device: "cpu", dtype: "bfloat16" }, body),
    withThreads: (body) => withThreads(2, body),
    "RandomStream.run": (body) => new RandomStream(1).run(body),
  };
  for (const [name, mode] of Object.entries(modes)) {
    const message = RegExp(`^${name.replace(".", "\\.")}\\(\\) is synchronous`);
    assert.throws(() => mode(() => Promise.reject(new Error("not awaited"))), { code: "USAGE", message });
  }
  using weight = zeros([1], { requiresGrad: true });
  using sum = weight.add(1);
  assert.equal(sum.requiresGrad, true);
  assert.equal(getNumThreads(), 1);
});

test("a stream of random numbers continues on its own and does not change those of the program", () => {
  const draw = (): number[] => scope(() => randn([3]).toNumbers());
  manualSeed(7);
  const alone = [...draw(), ...draw()];
  manualSeed(8);
  const stream = [...draw(), ...draw()];
  manualSeed(7);
  const own = new RandomStream(8);
  const first = draw();
  const mixed = [...own.run(draw), ...own.run(draw)];
  assert.deepEqual([...first, ...draw()], alone);
  assert.deepEqual(mixed, stream);
  assert.throws(() => own.run(() => assert.fail("x")));
});

test("a disposed tensor is recognized by its type, not by its message", () => {
  const folder = mkdtempSync(join(tmpdir(), "roc-code-"));
  try {
    const named = join(folder, "TENSOR_DISPOSED: out of memory");
    assert.throws(() => mapFile(named), { code: "FILE_NOT_FOUND", message: /TENSOR_DISPOSED: out of memory/ });
    assert.throws(() => mapFile(folder), { code: "FILE_UNREADABLE" });
    writeFileSync(named, "");
    assert.throws(() => mapFile(named), { code: "FILE_EMPTY" });
  } finally {
    rmSync(folder, { recursive: true });
  }
  // The same of a lack of memory.
  for (const code of ["FILE_NOT_FOUND", "IMAGE_BROKEN", "TRAINING"] as const) {
    assert.equal(isOutOfMemory(new RocError(code, "/photos/out of memory/a.jpg cannot be read.")), false, code);
  }
  const missing = Object.assign(new Error("ENOENT: open '/out of memory'"), { code: "ENOENT", syscall: "open" });
  assert.equal(isOutOfMemory(new RocError("FILE_NOT_FOUND", "x", { cause: missing })), false);
  const short = new RangeError("Array buffer allocation failed");
  assert.equal(isOutOfMemory(new RocError("IMAGE_BROKEN", "x", { cause: short })), true);
  const gone = tensor([1]);
  gone.dispose();
  using other = tensor([1]);
  const uses = [() => gone.add(1), () => other.add(gone), () => torch.cat([other, gone]), () => gone.item()];
  for (const use of [...uses, () => gone.backward(), () => torch.keep(gone), () => torch.gradients([gone], [other])]) {
    assert.throws(use, { code: "TENSOR_DISPOSED", message: /was freed/ });
  }
});

test("more memory than there is is OUT_OF_MEMORY", () => {
  for (const size of [2 ** 46, 2 ** 60, 1e300]) assert.throws(() => zeros([size]), { code: "OUT_OF_MEMORY" });
});
