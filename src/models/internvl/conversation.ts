/** How InternVL is asked: ChatML, in the original layout with a system text of its own. */
import { RocError } from "../../errors.js";
import type { ChatTemplate, Tokenizer } from "../../tokenizers/index.js";
import { answerIds, templated, type Conversation } from "../common/answer.js";
import type { InternVlConfig } from "./config.js";

/** Stand around a picture's rows and for one of them. */
export const START_TOKEN = "<img>";
export const CONTEXT_TOKEN = "<IMG_CONTEXT>";
export const END_OF_IMAGE = "</img>";
export const END_TOKEN = "<|im_end|>";

const CUE = "<|im_start|>assistant\n";

interface Template {
  readonly system: string;
  /** What ends a turn. */
  readonly end: string;
}

/** Those of the original code's conversation.py for the language models that are computed here, by `template`. */
const TEMPLATES: Readonly<Record<string, Template>> = {
  internvl2_5: {
    system:
      "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。",
    end: `${END_TOKEN}\n`,
  },
  "Hermes-2": {
    system:
      "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。",
    end: END_TOKEN,
  },
};

/** Without a system's turn, as transformers' public checkpoints. */
function plain(tokenizer: Tokenizer): Conversation {
  return {
    prompt(question) {
      const words = question.replace(/<image>\n?/g, `${CONTEXT_TOKEN}\n`);
      return tokenizer.encode(`<|im_start|>user\n${words}${END_TOKEN}\n${CUE}`);
    },
    answer: (text) => answerIds(tokenizer, CUE, text, ""),
  };
}

function original(tokenizer: Tokenizer, { template, systemMessage }: InternVlConfig): Conversation {
  const known = Object.hasOwn(TEMPLATES, template) ? TEMPLATES[template] : undefined;
  if (!known) {
    const names = Object.keys(TEMPLATES).join(", ");
    throw new RocError("CONFIG_INVALID", `config.json: template "${template}" is not known; known are: ${names}.`);
  }
  const { end, system } = known;
  const before = `<|im_start|>system\n${systemMessage ?? system}${end}<|im_start|>user\n`;
  return {
    prompt: (question) => tokenizer.encode(`${before}${question.replaceAll("<image>", CONTEXT_TOKEN)}${end}${CUE}`),
    answer: (text) => answerIds(tokenizer, CUE, text, ""),
  };
}

/** With one {@link CONTEXT_TOKEN} a picture. @throws RocError CONFIG_INVALID for a template that is not known */
export function chatOf(config: InternVlConfig, tokenizer: Tokenizer, template: ChatTemplate | undefined): Conversation {
  if (config.layout === "original") return original(tokenizer, config);
  return template ? templated(tokenizer, template) : plain(tokenizer);
}
