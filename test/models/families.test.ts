/** What the families' own names say of parameters, in the layouts of all their files. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { besideWeights, factsOf, families, namesOf } from "../../src/models/families.js";

/** Names of each part, by family: of transformers' files, and of the original code's. */
const PARTS = {
  llava: {
    vision: ["vision_tower.vision_model.a", "model.vision_tower.vision_tower.a"],
    projector: ["multi_modal_projector.a", "model.mm_projector.0.a"],
    language: ["language_model.model.a", "model.layers.0.a", "model.norm.a", "lm_head.weight"],
  },
  mplug_owl2: {
    vision: ["model.vision_model.a"],
    projector: ["model.visual_abstractor.a"],
    language: ["model.layers.0.a", "model.norm.a", "lm_head.weight"],
  },
  qwen2_vl: {
    vision: ["visual.blocks.0.a", "visual.patch_embed.proj.weight"],
    projector: ["visual.merger.mlp.0.a"],
    language: ["model.layers.0.a", "model.norm.a", "model.embed_tokens.weight"],
  },
  qwen3_vl: {
    vision: ["model.visual.blocks.0.a", "model.visual.pos_embed.weight"],
    projector: ["model.visual.merger.norm.a", "model.visual.deepstack_merger_list.0.norm.a"],
    language: ["model.language_model.layers.0.a", "model.language_model.embed_tokens.weight", "lm_head.weight"],
  },
  qwen2_5_vl: {
    vision: ["visual.blocks.0.mlp.gate_proj.a", "visual.patch_embed.proj.weight"],
    projector: ["visual.merger.ln_q.weight"],
    language: ["model.layers.0.mlp.gate_proj.a", "model.norm.a", "lm_head.weight"],
  },
  qwen3_5: {
    vision: ["model.visual.blocks.0.a"],
    projector: ["model.visual.merger.norm.a"],
    language: ["model.language_model.layers.0.linear_attn.A_log", "lm_head.weight"],
  },
} as const;

test("every family's parts are known by name", () => {
  for (const [family, parts] of Object.entries(PARTS)) {
    const { partOf } = namesOf({ family });
    for (const [part, names] of Object.entries<readonly string[]>(parts)) {
      for (const name of names) {
        assert.equal(partOf(name), part, `${family}: ${name}`);
        assert.equal(partOf(`${name}.lora_A.weight`), part, "an adapter is its map's");
        assert.equal(partOf(`${name}[3:5]`), part, "rows are their matrix's");
      }
    }
  }
  assert.equal(namesOf({ family: "of nobody" }).partOf("anything"), "language");
});

test("families by their model_type, and what they load beside weights", () => {
  assert.deepEqual(families(), [
    "llava",
    "llava_llama",
    "mplug_owl2",
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen3_5",
    "qwen3_vl",
    "internvl",
    "internvl_chat",
    "llava_onevision",
  ]);
  assert.equal(factsOf("llava_llama"), factsOf("llava"));
  assert.equal(factsOf(7), undefined);
  assert.deepEqual(besideWeights(), ["mm_projector.bin", "HPSv3.safetensors"]);
});
