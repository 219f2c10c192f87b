/** The subcommands `inspect forward | generate | preprocess | tokenize | checkpoint`, as the command line has them. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import sharp from "sharp";
import { importInspect } from "../../src/cli/inspect/inspect.js";
import { run } from "../../src/cli/shared/program.js";
import { fromTypedArray, keep, liveTensors, scope, type Tensor } from "../../src/torch/index.js";
import { openSafetensors, saveSafetensors } from "../../src/weights/index.js";
import { fixture, ROOT } from "../support.js";
import { folderWith } from "./support.js";

/** Vocabulary of the fixture (test/fixtures/inspect/make.py) as the released checkpoint's config says it. */
const SCORE_KEYS = {
  score_id: 80,
  num_tokens: 6,
  img_token_num: 6,
  output_first_id: 81,
  output_last_id: 86,
  min_score: 1,
  max_score: 10,
  l1_weight: 1,
  ce_weight: 10,
  emd_weight: 0.5,
};

/** The tiny LLaVA with score tokens. */
function checkpoint(t: TestContext): string {
  const folder = folderWith(t, {});
  cpSync(fixture("llava/tiny"), folder, { recursive: true });
  const file = join(folder, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...SCORE_KEYS }));
  return folder;
}

async function inspect(args: readonly string[], stdin = ""): Promise<{ code: number; stdout: string; stderr: string }> {
  const out = { stdout: "", stderr: "" };
  const io = {
    stdin: Readable.from([stdin]),
    stdout: { write: (text: string) => (out.stdout += text) },
    stderr: { write: (text: string) => (out.stderr += text) },
    env: {},
  };
  const outside = { io, signal: new AbortController().signal, engine: () => import("../../src/engine/index.js") };
  const code = await run(["inspect", ...args], { inspect: importInspect }, outside);
  return { code, ...out };
}

async function read(file: string): Promise<Map<string, { shape: readonly number[]; values: number[] }>> {
  using opened = await openSafetensors(file);
  return scope(() => {
    const entry = (tensor: Tensor) => ({ shape: tensor.shape, values: tensor.toNumbers() });
    return new Map(opened.names().map((name) => [name, entry(opened.tensor(name))] as const));
  });
}

function furthest(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? NaN))));
}

test("forward: losses, scores and gradients equal those of transformers and the authors' formulas", async (t) => {
  const folder = checkpoint(t);
  const expected = await read(fixture("inspect/expected.safetensors"));
  const names = [...expected.keys()].filter((name) => name.startsWith("grad.")).map((name) => name.slice(5));
  const output = join(folder, "out.safetensors");
  const files = ["--model", folder, "--inputs", fixture("inspect/inputs.safetensors"), "--outputs", output];
  const { code, stdout, stderr } = await inspect(["forward", ...files, "--grads", names.join(","), "--json"]);
  assert.equal(code, 0, stderr);
  const listed = (JSON.parse(stdout) as { outputs: { name: string }[] }).outputs.map(({ name }) => name);
  const found = await read(output);
  assert.deepEqual(listed.toSorted(), [...found.keys()].toSorted());
  const logits = found.get("logits");
  assert.deepEqual(logits?.shape, [2, 23, 100]);
  // The padding's own logits mean nothing.
  logits.values.splice(0, 24 * 100);
  for (const [name, { values }] of expected) {
    const error = furthest(found.get(name)?.values ?? [], values);
    t.diagnostic(`${name}: max abs error ${error.toExponential(1)}`);
    assert.ok(error < 1e-4, `${name}: max abs error ${error}`);
  }
  assert.deepEqual(found.get("image_features")?.shape, [32, 32]);
  assert.equal(liveTensors(), 0);
});

test("forward: scores need labels only, each loss its own ground truth", async (t) => {
  const folder = checkpoint(t);
  const expected = await read(fixture("inspect/expected.safetensors"));
  const file = join(folder, "in.safetensors");
  const forward = async (left: readonly string[]) => {
    using inputs = await openSafetensors(fixture("inspect/inputs.safetensors"));
    const tensors = new Map(inputs.names().map((name) => [name, inputs.tensor(name)]));
    await saveSafetensors(file, new Map([...tensors].filter(([name]) => !left.includes(name))));
    for (const tensor of tensors.values()) tensor.dispose();
    return await inspect(["forward", "--model", folder, "--inputs", file, "--outputs", join(folder, "o")]);
  };
  const alone = await forward(["gt_score", "target"]);
  assert.equal(alone.code, 0, alone.stderr);
  const found = await read(join(folder, "o"));
  assert.deepEqual([...found.keys()].sort(), ["image_features", "logits", "loss", "score", "text_loss"]);
  assert.deepEqual(found.get("loss")?.values, found.get("text_loss")?.values);
  assert.ok(furthest(found.get("score")?.values ?? [], expected.get("score")?.values ?? []) < 1e-4);
  const voteless = await forward(["target"]);
  assert.equal(voteless.code, 2);
  assert.match(voteless.stderr, /ce_weight 10.*give target/);
  const config = join(folder, "config.json");
  const keys = JSON.parse(readFileSync(config, "utf8")) as object;
  writeFileSync(config, JSON.stringify({ ...keys, output_last_id: 100 }));
  const beyond = await forward([]);
  assert.equal(beyond.code, 4);
  assert.match(beyond.stderr, /score token at id 100, but the weights have 100 rows/);
  assert.equal(liveTensors(), 0);
});

test("forward: what does not fit is named", async (t) => {
  const folder = checkpoint(t);
  using inputs = await openSafetensors(fixture("inspect/inputs.safetensors"));
  const tensors = new Map(inputs.names().map((name) => [name, inputs.tensor(name)]));
  const attempt = async (changed: Map<string, Tensor>, ...more: string[]) => {
    const file = join(folder, "in.safetensors");
    await saveSafetensors(file, changed);
    return inspect(["forward", "--model", folder, "--inputs", file, "--outputs", join(folder, "o"), ...more]);
  };
  const without = (name: string) => new Map([...tensors].filter(([key]) => key !== name));
  const made: Tensor[] = [];
  /** With another value at the end. */
  const ending = (name: string, value: number): [string, Tensor] => {
    const given = tensors.get(name) as Tensor;
    const values = given.toNumbers().map((one, i, all) => (i === all.length - 1 ? value : one));
    const tensor = fromTypedArray(BigInt64Array.from(values, BigInt), given.shape);
    made.push(tensor);
    return [name, tensor];
  };
  const cases: [Map<string, Tensor>, string[], RegExp][] = [
    [without("input_ids"), [], /input_ids \[batch, T\]/],
    [without("pixel_values"), [], /placeholders/],
    [without("labels"), ["--grads", "lm_head.weight"], /give labels/],
    [tensors, ["--grads", "nonsense.weight"], /no parameter nonsense\.weight/],
    [new Map([...tensors, ["gt_scores", tensors.get("gt_score") as Tensor]]), [], /Unknown inputs: gt_scores/],
    [new Map([...tensors, ["gt_score", tensors.get("target") as Tensor]]), [], /gt_score has 18 values/],
    [new Map([...tensors, ending("input_ids", -1)]), [], /input_ids holds -1; .* from 0 to 99\.$/m],
    [new Map([...tensors, ending("labels", 100)]), [], /labels holds 100; .* 0 to 99, or -100/],
    [new Map([...tensors, ["target", tensors.get("gt_score") as Tensor]]), [], /target has the shape \[3\]/],
  ];
  for (const [changed, more, message] of cases) {
    const { code, stderr } = await attempt(changed, ...more);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
  for (const tensor of [...tensors.values(), ...made]) tensor.dispose();
  assert.equal(liveTensors(), 0);
});

test("generate: the prompt and the new tokens, with the logits of every step", async (t) => {
  const folder = checkpoint(t);
  using inputs = await openSafetensors(fixture("inspect/inputs.safetensors"));
  const [file, output] = [join(folder, "in.safetensors"), join(folder, "out.safetensors")];
  const input_ids = scope(() => inputs.tensor("input_ids").narrow(0, 0, 1).narrow(1, 0, 19).contiguous());
  const pixel_values = scope(() => inputs.tensor("pixel_values").narrow(0, 0, 1).contiguous());
  await saveSafetensors(file, new Map(Object.entries({ input_ids, pixel_values })));
  const prompt = input_ids.toNumbers();
  input_ids.dispose();
  pixel_values.dispose();
  const args = ["--model", folder, "--inputs", file, "--outputs", output, "--max-new-tokens", "5"];
  const { code, stderr } = await inspect(["generate", ...args]);
  assert.equal(code, 0, stderr);
  const found = await read(output);
  const { shape = [], values: sequence = [] } = found.get("sequences") ?? {};
  assert.deepEqual(shape, [1, prompt.length + 5]);
  assert.deepEqual(sequence.slice(0, prompt.length), prompt);
  const logits = found.get("step_logits");
  assert.deepEqual(logits?.shape, [5, 100]);
  const best = Array.from({ length: 5 }, (_, step) => {
    const row = logits.values.slice(step * 100, (step + 1) * 100);
    return row.indexOf(Math.max(...row));
  });
  assert.deepEqual(sequence.slice(prompt.length), best);
});

test("generate: rows of a batch padded on either side, with none to two pictures, as each of them alone", async (t) => {
  const folder = checkpoint(t);
  using inputs = await openSafetensors(fixture("inspect/inputs.safetensors"));
  const [file, output] = [join(folder, "in.safetensors"), join(folder, "out.safetensors")];
  const [first = [], picture = []] = scope(() => {
    const ids = inputs.tensor("input_ids");
    return [ids.narrow(0, 0, 1).narrow(1, 0, 19).toNumbers(), inputs.tensor("pixel_values").toNumbers()];
  });
  const one = picture.slice(0, 3 * 28 * 28);
  const other = one.map((value) => -value);
  const rows = [
    { ids: first, pictures: [one] },
    { ids: first.slice(0, 2).toReversed(), pictures: [] },
    { ids: [...first, ...first], pictures: [other, one] },
  ];
  const generated = async (ids: number[][], mask: number[][], pictures: number[][]): Promise<number[][]> => {
    const pixels =
      pictures.length > 0 && fromTypedArray(Float32Array.from(pictures.flat()), [pictures.length, 3, 28, 28]);
    const matrix = (of: number[][]): Tensor =>
      fromTypedArray(BigInt64Array.from(of.flat(), BigInt), [of.length, of[0]?.length ?? 0]);
    const given = { input_ids: matrix(ids), attention_mask: matrix(mask), ...(pixels && { pixel_values: pixels }) };
    await saveSafetensors(file, new Map(Object.entries(given)));
    for (const tensor of Object.values(given)) tensor.dispose();
    const { code, stderr } = await inspect([
      "generate",
      "-m",
      folder,
      "-i",
      file,
      "-o",
      output,
      "--max-new-tokens",
      "4",
    ]);
    assert.equal(code, 0, stderr);
    const { shape = [], values = [] } = (await read(output)).get("sequences") ?? {};
    return ids.map((_, b) => values.slice((b + 1) * (shape[1] ?? 0) - 4, (b + 1) * (shape[1] ?? 0)));
  };
  const alone = [];
  for (const { ids, pictures } of rows) alone.push(...(await generated([ids], [ids.map(() => 1)], pictures)));
  const pictures = rows.flatMap((row) => row.pictures);
  const fill = (side: "left" | "right", of: (ids: number[]) => number[], value: number): number[][] =>
    rows.map(({ ids }) => {
      const padding = new Array<number>(38 - ids.length).fill(value);
      return side === "left" ? [...padding, ...of(ids)] : [...of(ids), ...padding];
    });
  for (const side of ["left", "right"] as const) {
    const mask = fill(side, (ids) => ids.map(() => 1), 0);
    assert.deepEqual(
      await generated(
        fill(side, (ids) => ids, 0),
        mask,
        pictures,
      ),
      alone,
      side,
    );
  }
  const few = { ids: fill("left", (ids) => ids, 0), mask: fill("left", (ids) => ids.map(() => 1), 0) };
  await assert.rejects(generated(few.ids, few.mask, pictures.slice(1)), /placeholders/);
});

interface Wishes {
  readonly rows: readonly (readonly number[])[];
  readonly cases: readonly { readonly config: object; readonly new: readonly (readonly number[])[] }[];
}

test("generate: what the folder's generation_config.json asks for, to the token as transformers, and the rest refused", async (t) => {
  const folder = checkpoint(t);
  const { rows, cases } = JSON.parse(readFileSync(fixture("llava/wishes.json"), "utf8")) as Wishes;
  const width = Math.max(...rows.map(({ length }) => length));
  const filled = (value: number, of: (row: readonly number[]) => readonly number[]): Tensor =>
    fromTypedArray(
      BigInt64Array.from(
        rows.flatMap((row) => [...new Array<number>(width - row.length).fill(value), ...of(row)]),
        BigInt,
      ),
      [rows.length, width],
    );
  const [file, output] = [join(folder, "in.safetensors"), join(folder, "out.safetensors")];
  using expected = await openSafetensors(fixture("llava/expected.safetensors"));
  const given = {
    input_ids: filled(91, (row) => row),
    attention_mask: filled(0, (row) => row.map(() => 1)),
    pixel_values: scope(() => keep(expected.tensor("pixels").contiguous())),
  };
  await saveSafetensors(file, new Map(Object.entries(given)));
  for (const tensor of Object.values(given)) tensor.dispose();
  const args = ["generate", "-m", folder, "-i", file, "-o", output, "--max-new-tokens", "12"];
  const asked = (config: object): void => writeFileSync(join(folder, "generation_config.json"), JSON.stringify(config));
  for (const { config, new: wanted } of cases) {
    asked(config);
    const { code, stderr } = await inspect(args);
    assert.equal(code, 0, stderr);
    const { shape = [], values = [] } = (await read(output)).get("sequences") ?? {};
    const found = rows.map((_, b) => values.slice(b * (shape[1] ?? 0) + width, (b + 1) * (shape[1] ?? 0)));
    assert.deepEqual(found, wanted, JSON.stringify(config));
  }
  for (const [config, message] of [
    [{ num_beams: 4, bad_words_ids: [[7]] }, /num_beams, bad_words_ids would choose other tokens/],
    [{ no_repeat_ngram_size: -1 }, /generation_config\.json: no_repeat_ngram_size/],
  ] as const) {
    asked(config);
    const { code, stderr } = await inspect(args);
    assert.equal(code, 4, stderr);
    assert.match(stderr, message);
  }
});

test("preprocess: pixels before and after normalising, from two files alone", async (t) => {
  const folder = folderWith(t, {
    "config.json": readFileSync(fixture("llava/tiny/config.json"), "utf8"),
    "preprocessor_config.json": JSON.stringify({ size: { shortest_edge: 28 }, crop_size: { height: 28, width: 28 } }),
  });
  const image = join(folder, "a.png");
  await sharp({ create: { width: 60, height: 40, channels: 3, background: "#ff0000" } }).toFile(image);
  const output = join(folder, "out.safetensors");
  for (const [resize, corner] of [
    ["crop", [255, 0, 0]],
    ["pad", [122, 116, 104]],
  ] as const) {
    const args = ["--model", folder, "--image", image, "--outputs", output, "--resize", resize];
    const { code, stderr } = await inspect(["preprocess", ...args]);
    assert.equal(code, 0, stderr);
    const found = await read(output);
    assert.deepEqual(found.get("pixels")?.shape, [28, 28, 3]);
    assert.deepEqual(found.get("pixels")?.values.slice(0, 3), corner);
    assert.deepEqual(found.get("pixel_values")?.shape, [1, 3, 28, 28]);
  }
});

test("preprocess: upright, or as it is stored", async (t) => {
  const folder = folderWith(t, {
    "config.json": readFileSync(fixture("llava/tiny/config.json"), "utf8"),
    "preprocessor_config.json": JSON.stringify({ size: { shortest_edge: 28 }, crop_size: { height: 28, width: 28 } }),
  });
  const [image, output] = [join(folder, "a.jpg"), join(folder, "out.safetensors")];
  const black = { create: { width: 40, height: 40, channels: 3, background: "#000000" } } as const;
  const white = { create: { width: 40, height: 20, channels: 3, background: "#ffffff" } } as const;
  const top = await sharp(white).png().toBuffer();
  const turned = sharp(black).composite([{ input: top, left: 0, top: 0 }]);
  // 3: turned by 180 degrees.
  await turned.withMetadata({ orientation: 3 }).jpeg().toFile(image);
  for (const [more, first] of [
    [[], 0],
    [["--as-stored"], 255],
  ] as const) {
    const args = ["--model", folder, "--image", image, "--outputs", output, ...more];
    assert.equal((await inspect(["preprocess", ...args])).code, 0);
    assert.equal((await read(output)).get("pixels")?.values[0], first);
  }
});

test("tokenize: one line per text, and a clear error for what is none", async () => {
  const args = ["tokenize", "--model", fixture("tokenizers/llama")];
  const { code, stdout } = await inspect(args, '"Hello"\n"a\\nb"\n');
  assert.equal(code, 0);
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as { ids: number[]; text: string }); // prettier-ignore
  assert.equal(lines.length, 2);
  assert.equal(lines[0]?.ids[0], 1, "BOS");
  assert.match(lines[0]?.text ?? "", /Hello$/);
  const bare = await inspect([...args, "--no-special-tokens"], '"Hello"\n');
  assert.deepEqual((JSON.parse(bare.stdout) as { ids: number[] }).ids, lines[0]?.ids.slice(1));
  const separator = await inspect(args, '"a\u2028b"\n');
  assert.match(separator.stdout, /^[^\u2028]*a\\u2028b[^\u2028]*$/, "a character at which Python ends a line");
  assert.match((JSON.parse(separator.stdout) as { text: string }).text, /a\u2028b$/);
  const wrong = await inspect(args, '"fine"\nnot quoted\n');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /line 2/);
  assert.equal(wrong.stdout.trim().split("\n").length, 1, "the line before is printed");
});

test("checkpoint: what is there and what is missing", async (t) => {
  const folder = checkpoint(t);
  const { code, stdout } = await inspect(["checkpoint", folder, "--json"]);
  assert.equal(code, 4);
  const found = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(found["family"], "llava");
  assert.deepEqual(found["score_tokens"], {
    positionId: 80,
    firstId: 81,
    lastId: 86,
    n: 6,
    scale: { min: 1, max: 10 },
  });
  assert.match(JSON.stringify(found["problems"]), /tokenizer.*preprocessor_config\.json/);
  assert.equal((await inspect(["checkpoint", join(folder, "nothing")])).code, 3);
  assert.equal((await inspect(["checkpoint", join(folder, "config.json")])).code, 3, "a file is no folder");
  for (const [photos, what] of [
    ["examples/photos", "holds 6 photos"],
    ["examples/photos/portrait-good.jpg", "is a photo"],
  ] as const) {
    const { code, stderr } = await inspect(["checkpoint", `${ROOT}${photos}`]);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`${what} and no checkpoint; to have scores: roc4mllm score `));
  }
});
