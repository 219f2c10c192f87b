/** What Qwen2.5-VL's checkpoints are known by. Loads no libtorch. */
import { qwen2Facts } from "../common/qwen/qwen2-facts.js";

export const qwen25vlFacts = qwen2Facts("qwen2_5_vl");
