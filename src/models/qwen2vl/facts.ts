/** What Qwen2-VL's checkpoints are known by. Loads no libtorch. */
import { qwen2Facts } from "../common/qwen/qwen2-facts.js";
import type { FamilyFacts } from "../types.js";

/** HPSv3's weights go by a name of their own. */
export const qwen2vlFacts: FamilyFacts = { ...qwen2Facts("qwen2_vl"), besideWeights: ["HPSv3.safetensors"] };
