/** What the processor has instructions for, and what the environment forbids of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { multipliesBfloat16 } from "../../src/torch/index.js";

const WITH = "flags\t\t: fpu avx512f avx512_bf16 avx512_vnni\n";

test("bfloat16 by instructions: by the processor's flags, unless libtorch or oneDNN is told to do without them", () => {
  assert.equal(multipliesBfloat16(WITH, {}), true);
  assert.equal(multipliesBfloat16("Features\t: fp asimd bf16\n", {}), true);
  assert.equal(multipliesBfloat16("flags\t\t: fpu avx512f\n", {}), false);
  for (const most of ["ALL", "DEFAULT", "", "AVX512_CORE_BF16", "avx512_core_amx", "AVX10_1_512"]) {
    assert.equal(multipliesBfloat16(WITH, { ONEDNN_MAX_CPU_ISA: most }), true, most);
  }
  for (const most of ["SSE41", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"]) {
    assert.equal(multipliesBfloat16(WITH, { ONEDNN_MAX_CPU_ISA: most }), false, most);
    assert.equal(multipliesBfloat16(WITH, { DNNL_MAX_CPU_ISA: most }), false, most);
  }
  assert.equal(multipliesBfloat16(WITH, { ATEN_CPU_CAPABILITY: "avx512" }), true);
  assert.equal(multipliesBfloat16(WITH, { ATEN_CPU_CAPABILITY: "default" }), false);
  assert.equal(multipliesBfloat16(WITH, { ATEN_CPU_CAPABILITY: "avx2" }), false);
});
