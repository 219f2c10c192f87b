/** The pictures of TANet, EAT and ICAA against torchvision's values, to the bit (test/fixtures/baselines/common/make_squash.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { squashOf } from "../../src/baselines/common/rating-config.js";
import { squashInputs } from "../../src/baselines/common/squash-inputs.js";
import { prepareSquashed, type SquashSteps } from "../../src/baselines/common/squash.js";
import type { PictureInputs } from "../../src/baselines/types.js";
import { Random } from "../../src/random.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { picture, sha256 } from "../image/support.js";
import { fixture } from "../support.js";

after(() => assert.equal(liveTensors(), 0));

interface Hashes {
  readonly pillow: string;
  readonly torchvision: string;
  readonly crops: Readonly<Record<string, string>>;
}

const expected = JSON.parse(readFileSync(fixture("baselines/common/squash.json"), "utf8")) as Hashes;
const source = picture(320, 240);

function stepsOf(bins: number | undefined, tiny = false): SquashSteps {
  const { image_size: side, train_image_size: trainSide, resample: filter } = squashOf({ scale: { min: 1, max: 10 }, ...(bins && { bins }), tiny }); // prettier-ignore
  return { side, trainSide, filter };
}

/** The same of both pictures of a batch, which have streams of the same name. */
async function hashOf(inputs: PictureInputs, seed?: number): Promise<string> {
  const prepared = await inputs.prepare(source);
  return scope(() => {
    const { pixelValues } = inputs.batch(
      [prepared, prepared],
      seed === undefined ? undefined : [new Random(seed), new Random(seed)],
    );
    const values = pixelValues?.toFloat32Array() ?? new Float32Array();
    const half = values.length / 2;
    assert.equal(sha256(values.slice(half)), sha256(values.slice(0, half)));
    return sha256(values.slice(0, half));
  });
}

test("a distribution is predicted of Pillow's own resize, a number of torchvision's", async () => {
  assert.equal(await hashOf(squashInputs(stepsOf(10))), expected.pillow);
  assert.equal(await hashOf(squashInputs(stepsOf(undefined))), expected.torchvision);
});

test("training crops anywhere and mirrors every other picture", async () => {
  const seen = new Set<string>();
  const inputs = squashInputs(stepsOf(undefined, true));
  for (let seed = 0; seed < 40; seed++) {
    const hash = await hashOf(inputs, seed);
    const [name] = Object.entries(expected.crops).find(([, one]) => one === hash) ?? [];
    assert.ok(name, `seed ${seed} gives a crop of torchvision's`);
    seen.add(name);
  }
  assert.ok(seen.size > 15, [...seen].join(" "));
  for (const part of [/f$/, /\d$/, /^0/, /^4/, /^.,0/, /^.,4/]) assert.ok([...seen].some((name) => part.test(name)));
});

test("what a thread without libtorch prepares is the same; another picture is refused", async () => {
  for (const steps of [stepsOf(10, true), stepsOf(undefined, true)]) {
    const inputs = squashInputs(steps);
    const plain = JSON.parse(JSON.stringify(inputs.steps)) as unknown;
    assert.deepEqual(await prepareSquashed(plain)(source), await inputs.prepare(source));
    assert.throws(() => inputs.batch([source]), { code: "USAGE", message: /320 x 240 pixels is not prepared/ });
  }
});
