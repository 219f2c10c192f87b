/** Every classical system trains by the same function, and a run that goes on from a state ends with the same bytes. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { trainModel } from "roc4mllm";
import { SYSTEM_NAMES } from "../../src/baselines/facts.js";
import { writeStudio, writeStudioFormats } from "../../src/studio/index.js";
import { liveTensors } from "../../src/torch/index.js";

const alive = liveTensors();
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-every-system-"));
  const sizes = { count: 9, longEdge: 48, testFraction: 0 };
  await writeStudio(join(folder, "studio"), sizes);
  await writeStudioFormats(join(folder, "scores"), { ...sizes, formats: ["tad66k"] });
});
after(() => rm(folder, { recursive: true, force: true }));
afterEach(() => assert.equal(liveTensors(), alive, "every tensor is freed"));

async function losses(model: string, out: string, data = "studio", steps = 2): Promise<number[]> {
  const found: number[] = [];
  await trainModel(
    {
      ...{ model, tiny: true, out: join(folder, out), data: { folder: join(folder, data), validation: 0.2 } },
      train: {
        seed: 5,
        steps,
        every: 1,
        batchSize: 3,
        learningRate: 1e-3,
        optimizer: "adam",
        precision: "float32",
        keepLast: 2,
      },
    },
    { env: {}, threads: 1, onEvent: (event) => event.type === "step" && found.push(event.loss) },
  );
  return found;
}

for (const system of SYSTEM_NAMES) {
  test(`${system}: trains on scores without votes`, async () => {
    const [loss = NaN] = await losses(system, `${system}-scores`, "scores", 1);
    assert.ok(Number.isFinite(loss));
  });

  test(`${system}: a resumed run ends with the bytes of a whole one`, async () => {
    const whole = await losses(system, system);
    assert.ok(whole.length === 2 && whole.every(Number.isFinite), whole.join());
    const broken = join(folder, `${system}-2`);
    await cp(join(folder, system), broken, { recursive: true });
    await rm(join(broken, "step-00000002"), { recursive: true });
    await writeFile(join(broken, "latest"), "step-00000001\n");
    assert.deepEqual(await losses(system, `${system}-2`), whole.slice(1));
    for (const file of ["model.safetensors", "optimizer.safetensors"]) {
      const [first, second] = await Promise.all(
        [join(folder, system, "step-00000001"), join(folder, system, "step-00000002")].map((at) =>
          readFile(join(at, file)),
        ),
      );
      assert.ok(!first?.equals(second ?? Buffer.of()), `${file} moves`);
      assert.ok(second?.equals(await readFile(join(broken, "step-00000002", file))), file);
    }
  });
}
