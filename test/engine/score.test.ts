import assert from "node:assert/strict";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { after, afterEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { createModel } from "../../src/engine/model.js";
import { scoreName } from "../../src/roc/template.js";
import type { Model, ScoreFailure, ScoreInputs, ScoreOptions, ScoreResult } from "../../src/engine/types.js";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import { fillAnswer, scoreByPrefill, type RocTemplates } from "../../src/roc/index.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { fakeParts, plainImage, type FakeParts } from "../roc/support.js";

const ONE: RocTemplates = { prompts: ["<image>\nHow good?"], answers: ["The rate is {overall}. "] };
const COLORS = [
  [250, 10, 10],
  [10, 250, 10],
  [10, 10, 250],
  [90, 90, 90],
  [250, 250, 10],
  [0, 0, 0],
  [255, 255, 255],
] as const;

const folder = mkdtempSync(join(tmpdir(), "engine-score-"));
after(() => rmSync(folder, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0));

const files = await Promise.all(
  COLORS.map(async ([r, g, b], index) => {
    const file = join(folder, `${index}.png`);
    writeFileSync(
      file,
      await sharp({ create: { width: 2, height: 2, channels: 3, background: { r, g, b } } })
        .png()
        .toBuffer(),
    );
    return file;
  }),
);
const broken = join(folder, "broken.png");
writeFileSync(
  broken,
  await sharp(files[0])
    .png()
    .toBuffer()
    .then((bytes) => bytes.subarray(0, 60)),
);

function isFailure(result: ScoreResult | ScoreFailure): result is ScoreFailure {
  return "error" in result;
}

async function all(model: Model, inputs: ScoreInputs, options?: ScoreOptions): Promise<(ScoreResult | ScoreFailure)[]> {
  const results: (ScoreResult | ScoreFailure)[] = [];
  for await (const result of model.score(inputs, options)) results.push(result);
  return results;
}

/** What the pictures score one by one, without the engine. */
function expected(parts: FakeParts): number[] {
  return COLORS.map(([r, g, b]) => {
    const [readings] = scope(() => scoreByPrefill(parts, parts.processor.images([plainImage(r, g, b)])));
    return readings?.[0]?.value ?? NaN;
  });
}

const fails =
  (code: ErrorCode, message = /./) =>
  (error: unknown): boolean =>
    isRocError(error) && error.code === code && message.test(error.message);

test("results come in the order of the inputs, each as if it were the only one", async () => {
  const parts = fakeParts(ONE);
  using model = createModel(parts, "demo@1234abcd");
  const results = await all(model, files);
  assert.deepEqual(
    results.map(({ file }) => file),
    files,
  );
  const values = expected(parts);
  results.forEach((result, index) => {
    assert.ok(!isFailure(result));
    assert.equal(result.score, values[index]);
    assert.deepEqual(result.scale, { min: 1, max: 10 });
    assert.equal(result.model, "demo@1234abcd");
    assert.equal(result.answer, fillAnswer(ONE.answers[0] as string, [result.score]).trimEnd());
    assert.ok(result.distribution && result.std !== null);
    const mean = result.distribution.reduce((sum, share, rating) => sum + share * (rating + 1), 0);
    const variance = result.distribution.reduce((sum, share, rating) => sum + share * (rating + 1 - mean) ** 2, 0);
    assert.ok(Math.abs(mean - result.score) < 1e-9);
    assert.ok(Math.abs(Math.sqrt(variance) - result.std) < 1e-9);
  });
  const alone = await all(model, files[3] as string);
  assert.deepEqual(alone, [results[3]]);
});

test("further questions: scores by a template on the results' scale, words without one; the score stays", async () => {
  const parts = fakeParts(ONE);
  using model = createModel(parts, "m", { scale: { min: 0, max: 100 } });
  const questions = [
    { answer: "The rate is {light}, {overall}." },
    { prompt: "Which?", maxTokens: 3 },
    { answer: "{light}: {comment}" },
  ];
  const results = await all(model, files, { questions });
  const plain = await all(model, files);
  for (const [i, result] of results.entries()) {
    assert.ok(!isFailure(result));
    assert.deepEqual(structuredClone(result), result);
    const { answers = [], ...others } = result;
    assert.deepEqual(others, plain[i], "to the last bit");
    const [template, words, commented] = answers;
    assert.deepEqual(Object.keys(template?.scores ?? {}), ["light", "overall"]);
    const numbers = Object.values(template?.scores ?? {}).map((value) => value?.toFixed(2));
    assert.equal(template?.answer, `The rate is ${numbers.join(", ")}.`);
    assert.ok(Object.values(template.scores ?? {}).every((value) => value !== null && value >= 0 && value <= 100));
    assert.deepEqual([template.prompt, words?.prompt], [ONE.prompts[0], "<image>\nWhich?"]);
    assert.deepEqual(Object.keys(words ?? {}), ["prompt", "answer"]);
    assert.equal(typeof commented?.comment, "string");
  }
  assert.ok(plain.every((result) => !("answers" in result)));
  for (const wrong of [[{ answer: "none" }], "Which?", [{ prompt: 5 }], [{ maxTokens: 1.5 }]]) {
    await assert.rejects(all(model, files, { questions: wrong as never }), fails("USAGE", /^questions/));
  }
});

test("scores, attributes, spreads and answers come on the scale of the ratings, or on one that is asked for", async () => {
  const answers = ["All {overall}, light {light}."];
  const own = { min: 1, max: 10 };
  const score = async (ratingScale?: typeof own, scale?: typeof own) => {
    using model = createModel(fakeParts({ ...ONE, answers, ...(ratingScale && { ratingScale }) }), "m", { scale });
    const [result] = await all(model, files[0] as string);
    assert.ok(result && !isFailure(result) && result.std !== null);
    assert.deepEqual(result.scale, scale ?? ratingScale ?? own);
    assert.deepEqual(model.scale, result.scale);
    return { ...result, std: result.std, light: result.attributes?.["light"] ?? NaN };
  };
  const plain = await score();
  assert.deepEqual(await score(own), plain, "the same scale changes no digit");
  for (const [given, scale] of [
    [await score({ min: 0, max: 100 }), { min: 0, max: 100 }],
    [await score({ min: 0, max: 100 }, { min: -1, max: 1 }), { min: -1, max: 1 }],
  ] as const) {
    const to = (value: number): number => scale.min + ((value - 1) / 9) * (scale.max - scale.min);
    const close = (found: number, wanted: number): void => assert.ok(Math.abs(found - wanted) < 1e-9, `${found}`);
    close(given.score, to(plain.score));
    close(given.light, to(plain.light));
    close(given.std, (plain.std * (scale.max - scale.min)) / 9);
    assert.deepEqual(given.distribution, plain.distribution);
    assert.equal(given.answer, fillAnswer(answers[0] as string, [given.score, given.light]));
  }
});

test("inputs are paths, bytes, streams or named ones, in arrays, iterables and streams of objects", async () => {
  using model = createModel(fakeParts(ONE));
  const [path = ""] = files;
  const bytes = await sharp(path).png().toBuffer();
  const [reference] = await all(model, path);
  assert.ok(reference && !isFailure(reference));
  const forms: [ScoreInputs, string[]][] = [
    [bytes, ["input 1"]],
    [createReadStream(path), ["input 1"]],
    [new Blob([bytes]).stream() as ReadableStream<Uint8Array>, ["input 1"]],
    [{ name: "mine", data: bytes }, ["mine"]],
    [
      [path, bytes, Readable.from(bytes), { name: "b", data: createReadStream(path) }],
      [path, "input 2", "input 3", "b"],
    ],
    [new Set([path]), [path]],
    [Readable.from([path, bytes]), [path, "input 2"]],
    [
      (async function* (): AsyncGenerator<string | Buffer> {
        yield bytes;
        yield path;
      })(),
      ["input 1", path],
    ],
  ];
  for (const [inputs, names] of forms) {
    const results = await all(model, inputs);
    assert.deepEqual(
      results,
      names.map((file): ScoreResult => ({ ...reference, file })),
    );
  }
  assert.deepEqual(await all(model, []), []);
});

test("a picture that cannot be read is a failure in its place; the others are scored", async () => {
  using model = createModel(fakeParts(ONE));
  const [first = "", second = ""] = files;
  const results = await all(model, [first, broken, "no such file", Buffer.alloc(0), second]);
  assert.deepEqual(
    results.map((result) => (isFailure(result) ? result.error.code : basename(result.file))),
    ["0.png", "IMAGE_BROKEN", "FILE_NOT_FOUND", "FILE_EMPTY", "1.png"],
  );
  const empty = results[3];
  assert.ok(empty && isFailure(empty) && empty.file === "input 4" && empty.error.message.includes("input 4"));
  const [large] = await all(model, first, { maxPixels: 3 });
  assert.ok(large && isFailure(large) && large.error.code === "IMAGE_TOO_LARGE");
});

test("a damaged picture is scored where that is allowed, and says so", async () => {
  using model = createModel(fakeParts(ONE));
  const whole = await sharp({ create: { width: 64, height: 64, channels: 3, background: "#a06040" } })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const cut = whole.subarray(0, whole.length / 2);
  const [refused, sound] = await all(model, [cut, whole]);
  assert.ok(refused && isFailure(refused) && refused.error.code === "IMAGE_BROKEN");
  assert.ok(sound && !isFailure(sound) && !("damaged" in sound));
  const [marked, other] = await all(model, [cut, whole], { allowDamaged: true });
  assert.ok(marked && !isFailure(marked) && typeof marked.damaged === "string");
  assert.deepEqual(other, { ...sound, file: "input 2" });
});

test("one picture: its result, or the error of its failure", async () => {
  using model = createModel(fakeParts(ONE));
  const [path = ""] = files;
  const [reference] = await all(model, path);
  assert.deepEqual(await model.scoreOne(path), reference);
  assert.deepEqual(await model.scoreOne(pathToFileURL(path)), reference);
  const bytes = await sharp(path).png().toBuffer();
  assert.deepEqual(await model.scoreOne(bytes), { ...reference, file: "input 1" });
  assert.deepEqual(await model.scoreOne({ name: "mine", data: createReadStream(path) }), {
    ...reference,
    file: "mine",
  });
  await assert.rejects(model.scoreOne(broken), fails("IMAGE_BROKEN", /broken\.png/));
  await assert.rejects(model.scoreOne("no such file"), fails("FILE_NOT_FOUND"));
  await assert.rejects(model.scoreOne(path, { maxPixels: 3 }), fails("IMAGE_TOO_LARGE"));
  await assert.rejects(model.scoreOne(path, { signal: AbortSignal.abort() }), fails("ABORTED"));
  await assert.rejects(model.scoreOne([path] as never), fails("USAGE", /input 1 is a Array/));
});

test("file: URLs are paths, those of the web are refused: nothing is fetched", async () => {
  using model = createModel(fakeParts(ONE));
  const odd = join(folder, "50% höhe #1?.png");
  writeFileSync(odd, await sharp(files[0]).png().toBuffer());
  const results = await all(model, [pathToFileURL(odd), { name: "mine", data: pathToFileURL(odd) }]);
  assert.deepEqual(
    results.map((result) => [result.file, isFailure(result)]),
    [
      [odd, false],
      ["mine", false],
    ],
  );
  for (const href of [
    "https://example.com/a.jpg",
    "http://example.com/a.jpg",
    "data:image/png;base64,AAAA",
    "blob:x",
  ]) {
    await assert.rejects(all(model, new URL(href)), fails("USAGE", /is no file: URL, and nothing is fetched/), href);
    await assert.rejects(all(model, [{ name: "a", data: new URL(href) }]), fails("USAGE", /nothing is fetched/), href);
  }
  await assert.rejects(model.scoreOne(new URL("file://elsewhere/a.jpg")), fails("USAGE", /no file of this machine/));
  await assert.rejects(model.scoreOne("https://example.com/a.jpg"), fails("FILE_NOT_FOUND", /a URL is not fetched/));
});

test("progress counts pictures, and knows the total of arrays", async () => {
  using model = createModel(fakeParts(ONE));
  const seen: unknown[] = [];
  const onProgress = (done: number, total: number | undefined): void => void seen.push([done, total]);
  await all(model, [files[0] as string, broken], { onProgress });
  await all(model, new Set([files[0] as string]), { onProgress });
  assert.deepEqual(seen, [
    [1, 2],
    [2, 2],
    [1, undefined],
  ]);
});

test("reading runs ahead of the model, but not far", async () => {
  using model = createModel(fakeParts(ONE));
  const own = liveTensors();
  let read = 0;
  let closed = false;
  const source = (function* (): Generator<string> {
    try {
      for (let index = 0; index < 100; index++) {
        read += 1;
        yield files[index % files.length] as string;
      }
    } finally {
      closed = true;
    }
  })();
  for await (const _result of model.score(source)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(read >= 4 && read <= 6, `${read} read after one result`);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(closed, "the source is closed when the consumer leaves");
  assert.equal(liveTensors(), own);
});

test("a signal ends the scoring at once, even where the source hangs; no tensors are left", async () => {
  using model = createModel(fakeParts(ONE));
  const own = liveTensors();
  await assert.rejects(all(model, files, { signal: AbortSignal.abort() }), fails("ABORTED"));
  const controller = new AbortController();
  let count = 0;
  await assert.rejects(async () => {
    for await (const _result of model.score(files, { signal: controller.signal }))
      if (++count === 2) controller.abort();
  }, fails("ABORTED"));
  assert.equal(count, 2);
  const hanging = async function* (): AsyncGenerator<string> {
    yield files[0] as string;
    await new Promise(() => undefined);
  };
  const started = Date.now();
  const results: unknown[] = [];
  const later = new AbortController();
  setTimeout(() => later.abort(), 100);
  await assert.rejects(async () => {
    for await (const result of model.score(hanging(), { signal: later.signal })) results.push(result);
  }, fails("ABORTED"));
  assert.equal(results.length, 1, "the slow source does not hold back the first result");
  assert.ok(Date.now() - started < 5000);
  assert.equal(liveTensors(), own);
});

test("the event loop gets a turn between pictures", async () => {
  using model = createModel(fakeParts(ONE));
  let turns = 0;
  let running = true;
  const tick = (): void => {
    turns += 1;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  const results = await all(model, files);
  running = false;
  assert.ok(turns >= results.length);
});

test("inputs that are none are USAGE errors, an error of the source is passed on", async () => {
  using model = createModel(fakeParts(ONE));
  await assert.rejects(all(model, 3 as unknown as string), fails("USAGE", /inputs are a number/));
  await assert.rejects(all(model, [files[0], null] as string[]), fails("USAGE", /input 2 is null/));
  await assert.rejects(all(model, files, { maxPixels: -1 }), fails("USAGE", /maxPixels/));
  for (const name of ["maxPixels", "signal", "allowDamaged", "comments", "onProgress", "questions"]) {
    for (const value of ["yes", { a: 1 }]) {
      const options = { [name]: value } as object;
      await assert.rejects(all(model, files, options), fails("USAGE", new RegExp(`${name}(:| is)`)));
      await assert.rejects(model.scoreOne(files[0] as string, options), fails("USAGE", new RegExp(name)));
    }
  }
  for (const name of ["digest", "folder", "scale", "threads", "batchSize", "onNote", "resize"]) {
    const parts = fakeParts(ONE);
    assert.throws(() => createModel(parts, "fake", { [name]: [] }), fails("USAGE", new RegExp(`${name} is`)));
    parts.model.dispose();
  }
  const source = (function* () {
    yield files[0] as string;
    throw new RangeError("the source broke");
  })();
  const results: unknown[] = [];
  await assert.rejects(async () => {
    for await (const result of model.score(source)) results.push(result);
  }, /the source broke/);
  assert.equal(results.length, 1);
});

test("a disposed model says so; disposing twice is harmless", async () => {
  const parts = fakeParts(ONE);
  const model = createModel(parts);
  model.dispose();
  model.dispose();
  assert.equal(parts.model.disposals, 1);
  await assert.rejects(all(model, files[0] as string), fails("USAGE", /fake is disposed/));
});

test("of several scores, `overall` is the one reported, and the answer holds them all", async () => {
  const answers = ["Light {light}, all {overall}, color {color}."];
  assert.equal(scoreName({ answers }), "overall");
  assert.equal(scoreName({ answers: ["{light} {color}"] }), "light");
  const parts = fakeParts({ ...ONE, answers });
  using model = createModel(parts);
  const [result] = await all(model, files[0] as string);
  assert.ok(result && !isFailure(result));
  const [r, g, b] = COLORS[0];
  const [readings = []] = scope(() => scoreByPrefill(parts, parts.processor.images([plainImage(r, g, b)])));
  assert.equal(result.score, readings[1]?.value);
  assert.equal(
    result.answer,
    fillAnswer(
      answers[0] as string,
      readings.map(({ value }) => value),
    ),
  );
});
