/** Checkpoints that cannot be loaded: of a family that is not known, of a newer layout, larger than memory. */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { load } from "../../src/engine/index.js";
import { isRocError, type RocError } from "../../src/errors.js";
import { atomicWriteJson, readJson } from "../../src/files/index.js";
import { loadImages, loadModel, unreadFields } from "../../src/models/registry.js";
import { machineMemory } from "../../src/torch/memory.js";
import { checkRoom } from "../../src/weights/index.js";
import type { Checkpoint } from "../../src/weights/index.js";
import { fixture } from "../support.js";

type Config = Record<string, unknown>;

const root = await mkdtemp(join(tmpdir(), "roc-bad-"));
after(() => rm(root, { recursive: true }));

/** A fixture's checkpoint with another config. */
async function withConfig(name: string, from: string, change: (config: Config) => Config): Promise<string> {
  const folder = join(root, name);
  await cp(fixture(from), folder, { recursive: true });
  const file = join(folder, "config.json");
  await atomicWriteJson(file, change((await readJson(file)) as Config));
  return folder;
}

test("a model_type that is not known is named with the known ones and the nearest, wherever it is loaded", async () => {
  for (const [type, nearest] of [
    ["qwen3_vl_moe", "qwen3_vl"],
    ["Qwen2-VL", "qwen2_vl"],
    ["llava_next", "llava"],
    ["internvl2", "internvl"],
  ] as const) {
    // prettier-ignore
    const folder = await withConfig(type, "llava/tiny", (config) => ({ ...config, model_type: type }));
    const message = new RegExp(`config\\.json: model_type "${type}" is not supported; known are: .*llava, .*qwen2_vl.*; the nearest is ${nearest}\\.`); // prettier-ignore
    for (const load of [loadModel, loadImages]) await assert.rejects(load(folder), { code: "CONFIG_INVALID", message });
    for (const worker of [true, false]) await assert.rejects(load(folder, { worker }), { code: "CONFIG_INVALID", message }); // prettier-ignore
  }
});

test("where weights do not fit, fields that no schema has are named; where they do, a note can", async () => {
  const newer = (config: Config): Config => {
    const text = config["text_config"] as Config;
    return { ...config, text_config: { ...text, sparse_heads: 4, patch_size: 2, use_cache: true }, head_kind: "split" };
  };
  using fits = await loadModel(await withConfig("newer", "llava/tiny", newer));
  assert.equal(fits.family, "llava");
  assert.match(unreadFields(fits.config) ?? "", /^text_config\.sparse_heads, text_config\.patch_size, head_kind$/);
  const other = await withConfig("newer-other", "llava/tiny", (config) => {
    const changed = newer(config);
    return { ...changed, text_config: { ...(changed["text_config"] as Config), intermediate_size: 8 } };
  });
  const error: RocError = await loadModel(other).then(() => assert.fail("it loads"), (thrown: RocError) => thrown); // prettier-ignore
  assert.equal(error.code, "CHECKPOINT_MISMATCH");
  assert.match(
    error.message,
    /fields that this program does not know \(text_config\.sparse_heads, text_config\.patch_size, head_kind\): .*newer/,
  );
});

/** Fields of published files that change nothing, by family; and values of theirs that would. */
const UNREAD: readonly (readonly [type: string, published: Config, other: Config])[] = [
  ["qwen2_vl", { vision_config: { in_chans: 3, spatial_patch_size: 14 } }, { vision_config: { in_chans: 4 } }],
  ["qwen2_5_vl", { vision_config: { in_chans: 3, spatial_patch_size: 14 } }, { vision_config: { deepstack: [1] } }],
  ["qwen3_5", { text_config: { mlp_only_layers: [], attn_output_gate: true, mamba_ssm_dtype: "float32", mtp_num_hidden_layers: 1 } }, { text_config: { attn_output_gate: false } }], // prettier-ignore
  ["llava_onevision", { use_image_newline_parameter: true }, { use_image_newline_parameter: false }],
  ["llava", { vocab_size: 32064, vision_config: { vocab_size: 32000, projection_dim: 768 } }, { vision_config: { registers: 4 } }], // prettier-ignore
  ["mplug_owl2", { freeze_vision_model: false, tune_visual_abstractor: true, visual_abstractor_lr: null }, { experts: 4 }], // prettier-ignore
  [
    "internvl_chat",
    {
      ...{ hidden_size: 896, image_fold: null, use_backbone_lora: 0, use_llm_lora: 0, system_message: null },
      llm_config: { moe_config: null, use_bfloat16: true, max_window_layers: 70, use_deepep: false, ep_size: 1 },
      vision_config: {
        ...{ capacity_factor: 1.2, eval_capacity_factor: 1.4, laux_allreduce: "all_nodes", moe_coeff_ratio: 0.5 },
        ...{ moe_intermediate_size: 768, moe_output_scale: 4, noisy_gate_policy: "RSample_before", num_channels: 3 },
        ...{ num_experts: 8, num_routed_experts: 4, num_shared_experts: 4, shared_expert_intermediate_size: 3072 },
        ...{ use_flash_attn: false, use_moe: false, use_residual: true, use_rts: false, use_weighted_residual: false },
      },
    },
    { vision_config: { use_moe: true } },
  ],
];

test("fields of published files without effect are not named, nor our own; with a value that would matter they are", () => {
  for (const [type, published, other] of UNREAD) {
    const ours = { model_type: type, roc4mllm_scorer: "q-realign", score_id: 3 };
    assert.equal(unreadFields({ ...ours, ...published }), undefined, type);
    const [[name = "", inside] = []] = Object.entries(other);
    const path = typeof inside === "object" && inside !== null ? [name, ...Object.keys(inside)] : [name];
    assert.equal(unreadFields({ ...ours, ...other }), path.join("."), type);
  }
});

/** As a file of one matrix has it. */
function checkpointOf(dtype: "float32" | "bfloat16", shape: readonly number[]): Checkpoint {
  return { path: "big", info: () => ({ dtype, shape, file: "big" }) } as unknown as Checkpoint;
}

test("weights that memory cannot hold are refused by their headers, with what would fit", () => {
  const big = checkpointOf("bfloat16", [80_000, 100_000]);
  const memory = (free: number, total: number) => () => ({ free: free * 1e9, total: total * 1e9 });
  const refusal = (wanted: Parameters<typeof checkRoom>[2], free: number, total: number): string => {
    try {
      checkRoom(big, ["a"], wanted, memory(free, total));
      return "";
    } catch (error) {
      assert.ok(isRocError(error) && error.code === "OUT_OF_MEMORY");
      return error.message;
    }
  };
  assert.match(refusal({ dtype: "float32" }, 20, 24), /^big: its weights take 32\.0 GB in float32, and this machine has 20\.0 GB of 24\.0 GB free; nothing was read\. Take --dtype bfloat16 \(16\.0 GB\), or --quantize int8 \(8\.0 GB\), or a smaller checkpoint/); // prettier-ignore
  assert.match(refusal({ dtype: "float32" }, 10, 12), /Take --quantize int8 \(8\.0 GB\), or a smaller/);
  assert.match(refusal({ dtype: "float32" }, 4, 6), /free; nothing was read\. Take a smaller checkpoint/);
  // Mapped files need no memory of their own, but what cannot hold them reads them again for every picture.
  assert.equal(refusal({ dtype: "bfloat16" }, 1, 24), "");
  assert.match(refusal({ dtype: "bfloat16" }, 1, 12), /16\.0 GB in bfloat16/);
  assert.match(refusal({ device: "cuda:1" }, 10, 80), /cuda:1 has 10\.0 GB of 80\.0 GB free; .*--device cpu/);
  assert.equal(refusal({ quantize: { to: "int8", stored: false } }, 9, 10), "");
  checkRoom(big, ["a"], { dtype: "float32" }, () => undefined);
});

test("the machine's memory is that of its tightest control group", () => {
  const info = "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB\n";
  const of = (files: Readonly<Record<string, string>>) => machineMemory((path) => files[path]);
  assert.equal(of({}), undefined);
  assert.deepEqual(of({ "/proc/meminfo": info }), { total: 16_384_000_000, free: 8_192_000_000 });
  const v2 = { "/proc/meminfo": info, "/proc/self/cgroup": "0::/pod/box\n" };
  assert.deepEqual(of({ ...v2, "/sys/fs/cgroup/pod/box/memory.max": "max\n" }), of({ "/proc/meminfo": info }));
  const limited = {
    ...{ ...v2, "/sys/fs/cgroup/pod/memory.max": "4000000000\n", "/sys/fs/cgroup/pod/memory.current": "3000000000\n" },
    "/sys/fs/cgroup/pod/memory.stat": "anon 1\ninactive_file 500000000\n",
  };
  assert.deepEqual(of(limited), { total: 4_000_000_000, free: 1_500_000_000 });
  const v1 = { "/proc/meminfo": info, "/proc/self/cgroup": "5:memory:/a\n" };
  const folder = "/sys/fs/cgroup/memory/a";
  assert.deepEqual(of({ ...v1, [`${folder}/memory.limit_in_bytes`]: "2000000000\n", [`${folder}/memory.usage_in_bytes`]: "0\n" }), { total: 2_000_000_000, free: 2_000_000_000 }); // prettier-ignore
  assert.ok((machineMemory()?.total ?? Infinity) > 0);
});
