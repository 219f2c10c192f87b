import assert from "node:assert/strict";
import { test } from "node:test";
import { createLlava } from "../../src/models/llava/index.js";
import { attachLora } from "../../src/models/lora.js";
import type { Mllm } from "../../src/models/types.js";
import { randomSource } from "../../src/nn/index.js";
import { adamW, parameterGroups, RuleOptimizer, trainedParameters, type TrainOptions } from "../../src/train/index.js";
import { llavaConfig } from "../../src/models/llava/small.js";
import { liveTensors, ones, randn, scope, tensor } from "../../src/torch/index.js";

const SIZES = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 24, visionLayers: 2, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 2, textHeads: 2, vocabulary: 50 },
};
/** T_p apart from the T_s, as no rule forbids. */
const SCORE = { score_id: 44, output_first_id: 46, output_last_id: 49, min_score: 1, max_score: 10 };
const EMBEDDING = "language_model.model.embed_tokens.weight";

function withModel(body: (model: Mllm) => void, more: Record<string, unknown> = SCORE): void {
  const model = createLlava({ ...llavaConfig(SIZES, 50, 43, 0), ...more }, randomSource({ seed: 4 }));
  try {
    body(model);
  } finally {
    model.dispose();
  }
}

function names(model: Mllm, options: Parameters<typeof trainedParameters>[1]): string[] {
  return trainedParameters(model, options).map(({ name }) => name);
}

test("everything is trained but what a part or a pattern freezes", () => {
  withModel((model) => {
    const all = [...model.parameters().keys()];
    assert.deepEqual(names(model, {}), all);
    const language = names(model, { freeze: ["vision", "projector"] });
    assert.ok(language.length > 10 && language.every((name) => name.startsWith("language_model.")));
    assert.deepEqual(
      names(model, { freeze: ["language", "^vision_tower"] }),
      all.filter((name) => name.startsWith("multi_modal_projector")),
    );
    assert.throws(() => names(model, { freeze: ["visual"] }), {
      code: "USAGE",
      message: /freeze \(train\.freeze, --freeze\).*"visual".*such as vision_tower\..*multi_modal_projector\./,
    });
    assert.throws(() => names(model, { freeze: ["("] }), { code: "USAGE", message: /no regular expression/ });
    assert.throws(() => names(model, { freeze: ["vision", "projector", "language"] }), { message: /Nothing is left/ });
  });
});

test("of the vocabulary all rows are trained, those of the score tokens, or none", () => {
  withModel((model) => {
    const rows = trainedParameters(model, { vocabulary: "new" }).filter(({ rows }) => rows);
    assert.deepEqual(
      rows.map(({ name, rows }) => [name, rows]),
      [EMBEDDING, "language_model.lm_head.weight"].flatMap((name) => [
        [`${name}[44:45]`, [44, 45]],
        [`${name}[46:50]`, [46, 50]],
      ]),
    );
    assert.ok(!names(model, { vocabulary: "none" }).some((name) => /embed_tokens|lm_head/.test(name)));
  });
  withModel((model) => assert.throws(() => names(model, { vocabulary: "new" }), { code: "USAGE" }), {});
});

test("adapters are trained instead of the weights, except what is named beside them", () => {
  withModel((model) => {
    const lora = { rank: 2, alpha: 4, targets: ["q_proj"], alsoTrain: ["projector"] };
    using adapters = attachLora(model, lora, 1);
    const chosen = (options: Pick<TrainOptions, "freeze" | "vocabulary">): string[] =>
      trainedParameters(model, { lora, ...options }, adapters).map(({ name }) => name);
    const lone = chosen({ vocabulary: "none", freeze: ["vision", "projector"] });
    assert.deepEqual(
      lone.map((name) => name.split(".").slice(-3).join(".")),
      [...["q_proj.lora_A.weight", "q_proj.lora_B.weight"], ...["q_proj.lora_A.weight", "q_proj.lora_B.weight"]],
    );
    const whole = chosen({});
    assert.equal(whole.filter((name) => name.startsWith("multi_modal_projector")).length, 4);
    assert.equal(whole.filter((name) => name.endsWith("]")).length, 4, "the score tokens' rows by default");
    assert.equal(whole.filter((name) => name.includes(".lora_")).length, 8);
  });
});

test("the first rule that matches gives rate and decay; vectors are not decayed unless that is asked for", () => {
  withModel((model) => {
    const trained = trainedParameters(model, {});
    const base = { learningRate: 1e-3, weightDecay: 0.1 };
    const of = (more: Partial<TrainOptions>, name: string): [number, number] => {
      const group = parameterGroups(trained, { ...base, ...more }).find(({ parameters }) => parameters.has(name));
      return [(group?.rateScale ?? 1) * base.learningRate, group?.weightDecay ?? NaN];
    };
    const [bias, matrix] = ["multi_modal_projector.linear_1.bias", "multi_modal_projector.linear_1.weight"] as const;
    assert.deepEqual(
      [of({}, bias), of({}, matrix)],
      [
        [1e-3, 0],
        [1e-3, 0.1],
      ],
    );
    assert.deepEqual(of({ decayVectors: true }, bias), [1e-3, 0.1]);
    const groups = [
      { pattern: "linear_1", learningRate: 2e-3 },
      { pattern: "projector", learningRate: 5e-3, weightDecay: 0.3 },
    ];
    assert.deepEqual(of({ groups }, matrix), [2e-3, 0.1]);
    assert.deepEqual(of({ groups }, "multi_modal_projector.linear_2.bias"), [5e-3, 0.3]);
    assert.deepEqual(of({ groups }, EMBEDDING), [1e-3, 0.1]);
    const sum = parameterGroups(trained, { ...base, groups }).reduce((n, { parameters }) => n + parameters.size, 0);
    assert.equal(sum, trained.length);
    assert.throws(() => of({ groups: [{ pattern: "visual" }] }, bias), { code: "USAGE", message: /groups.*"visual"/ });
  });
});

test("training rows changes no other row's bits, and moves them as training the rows alone would", () => {
  const before = liveTensors();
  const matrix = scope(() => randn([6, 4])).requiresGrad_();
  const start = matrix.toNumbers();
  const alone = scope(() => matrix.detach().narrow(0, 3, 2).clone()).requiresGrad_();
  const rows = new RuleOptimizer(
    [{ parameters: new Map([["m[3:5]", matrix]]), rows: [3, 5], weightDecay: 0.1 }],
    adamW(),
  );
  const whole = new RuleOptimizer([{ parameters: new Map([["m", alone]]), weightDecay: 0.1 }], adamW());
  for (let step = 1; step <= 3; step++) {
    scope(() => {
      matrix.grad = ones([6, 4]).mul(step);
      alone.grad = ones([2, 4]).mul(step);
      rows.step(0.01);
      whole.step(0.01);
    });
  }
  const end = matrix.toNumbers();
  assert.deepEqual([...end.slice(0, 12), ...end.slice(20)], [...start.slice(0, 12), ...start.slice(20)]);
  assert.deepEqual(end.slice(12, 20), alone.toNumbers());
  assert.notDeepEqual(end.slice(12, 20), start.slice(12, 20));
  assert.deepEqual(rows.state().get("m[3:5].exp_avg")?.shape, [2, 4]);
  for (const one of [rows, whole, matrix, alone]) {
    if (one instanceof RuleOptimizer) one.zeroGrad();
    one.dispose();
  }
  assert.equal(liveTensors(), before);
});

test("rows of bfloat16 weights have float32 masters, too", () => {
  const matrix = tensor([[1], [1], [1]], { dtype: "bfloat16" }).requiresGrad_();
  const optimizer = new RuleOptimizer(
    [{ parameters: new Map([["m", matrix]]), rows: [1, 2], weightDecay: 0 }],
    adamW(),
  );
  for (let step = 0; step < 8; step++) {
    scope(() => void (matrix.grad = ones([3, 1], { dtype: "bfloat16" })));
    optimizer.step(1e-3);
  }
  assert.deepEqual(matrix.toNumbers(), [1, 0.9921875, 1]);
  optimizer.dispose();
  matrix.dispose();
});
