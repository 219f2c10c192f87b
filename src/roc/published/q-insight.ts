/** Q-Insight (arXiv 2503.22679): reasons, then writes its rating as JSON. */
import type { PublishedScorer } from "./types.js";

const SYSTEM =
  "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant " +
  "first thinks about the reasoning process in the mind and then provides the user with the answer. The reasoning " +
  "process and answer are enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., " +
  "<think> reasoning process here </think><answer> answer here </answer>";

const QUESTION =
  "What is your overall rating on the quality of this picture? The rating should be a float between 1 and 5, rounded to two " +
  "decimal places, with 1 representing very poor quality and 5 representing excellent quality. Return the final answer in JSON " +
  'format with the following keys: "rating": The score.';

export const qInsight: PublishedScorer = {
  name: "q-insight",
  title: "Q-Insight (score_degradation)",
  paper: "arXiv 2503.22679, bytedance/Q-Insight",
  families: ["qwen2_5_vl"],
  names: /q-?insight|score-degradation/i,
  aspects: {
    quality: {
      prompts: {
        "q-insight": {
          source: "bytedance/Q-Insight@08308fd src/eval/demo_score.py",
          prompt: `${QUESTION}<image>`,
          system: SYSTEM,
        },
      },
    },
  },
  scale: { min: 1, max: 5 },
  reading: { kind: "number", key: "rating", maxTokens: 1024, sampling: { temperature: 1, topK: 50, topP: 0.95 } },
  hub: { repo: "ByteDance/Q-Insight", folder: "score_degradation" },
};
