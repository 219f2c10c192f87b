/** `chat_template` of a checkpoint: renders a conversation as the text format that the model was trained on. */
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { ifThere, openFolder, writeFiles, type FolderLike } from "../files/index.js";
import { BoundedTemplate } from "./jinja.js";
import { jsonText } from "./save.js";
import type { Tokenizer } from "./types.js";

/** A part of a message; the pixels of an image are passed separately. */
export type ChatPart = { readonly type: "image" } | { readonly type: "text"; readonly text: string };

export interface ChatMessage {
  readonly role: string;
  readonly content: string | readonly ChatPart[];
}

/** The named tokens that templates may use, such as `bos_token`. */
export type ChatTokens = Readonly<Partial<Record<"bos_token" | "eos_token" | "pad_token", string>>>;

/** Files that may hold the template, in order of precedence: that of transformers 5's processors, then its tokenizers. */
const FILES = ["processor_config.json", "chat_template.jinja", "chat_template.json", "tokenizer_config.json"] as const;
export type ChatTemplateFile = (typeof FILES)[number];

/** A single template, or several by name, of which "default" is used. */
const named = z.array(z.looseObject({ name: z.string(), template: z.string() }));
const holder = z.looseObject({
  chat_template: z.union([z.string(), named, z.record(z.string(), z.string())]).nullish(),
});

/**
 * The chat template of a checkpoint folder; undefined where it has none.
 *
 * @param tokenizer provides the named tokens that the template may use
 * @throws RocError FILE_UNREADABLE, TOKENIZER_INVALID for an invalid template
 */
export async function loadChatTemplate(folder: FolderLike, tokenizer: Tokenizer): Promise<ChatTemplate | undefined> {
  const files = openFolder(folder);
  for (const name of FILES) {
    const file = files.file(name);
    const text = await ifThere(files.text(name));
    const source = text !== undefined && name.endsWith(".json") ? sourceOf(text, file) : text;
    if (source !== undefined) return new ChatTemplate(source, tokensOf(tokenizer), name, file);
  }
  return undefined;
}

export class ChatTemplate {
  readonly #template: BoundedTemplate;
  #takesParts: boolean | undefined;

  /**
   * @param source Jinja, as transformers renders it (`trim_blocks`, `lstrip_blocks`, `{% generation %}`)
   * @param origin the kind of file that holds it
   * @param file its path, for messages
   * @throws RocError TOKENIZER_INVALID where it does not parse
   */
  constructor(
    readonly source: string,
    private readonly tokens: ChatTokens = {},
    readonly origin: ChatTemplateFile = "chat_template.jinja",
    private readonly file: string = origin,
    private readonly variables: Readonly<Record<string, unknown>> = {},
  ) {
    try {
      this.#template = new BoundedTemplate(source);
    } catch (cause) {
      throw this.#invalid("is not a Jinja template", cause);
    }
  }

  /** The same template, told `variables` (such as `enable_thinking`) with each conversation. */
  with(variables: Readonly<Record<string, unknown>>): ChatTemplate {
    return new ChatTemplate(this.source, this.tokens, this.origin, this.file, variables);
  }

  /**
   * The text of a conversation.
   *
   * @param addGenerationPrompt append the start of an assistant's turn (default false)
   * @throws RocError TOKENIZER_INVALID where the template refuses the conversation, uses what is not supported, or exceeds
   *   the limits on steps, text or time
   */
  render(messages: readonly ChatMessage[], { addGenerationPrompt = false } = {}): string {
    try {
      const extras = { tools: null, documents: null, add_generation_prompt: addGenerationPrompt };
      return this.#template.render({ messages, ...extras, ...this.tokens, ...this.variables });
    } catch (cause) {
      throw this.#invalid("cannot be rendered", cause);
    }
  }

  /**
   * The text of a question, with the generation prompt.
   *
   * @param question `<image>`, with the line break after it, marks the position of an image; the template decides its form
   *   and position
   * @param system text of a system turn before it; default: the template's own, where it has one
   */
  prompt(question: string, system?: string): string {
    const before = system === undefined ? [] : [{ role: "system", content: this.#contentOf(system) }];
    const turns = [...before, { role: "user", content: this.#contentOf(question) }];
    return this.render(turns, { addGenerationPrompt: true });
  }

  /** The text between {@link prompt} and an answer, such as a space. */
  get answerLead(): string {
    const [cue, user] = [this.prompt(PROBE), { role: "user", content: this.#contentOf(PROBE) }];
    const whole = this.render([user, { role: "assistant", content: this.#contentOf(ANSWER) }]);
    if (!cue.includes(PROBE)) throw this.#invalid("leaves the question out", undefined);
    const at = whole.indexOf(ANSWER);
    if (at >= cue.length && whole.startsWith(cue)) return whole.slice(cue.length, at);
    // The answer follows an empty thought, which a conversation that is over does not show.
    if (EMPTY_THOUGHT.test(cue)) return "";
    throw this.#invalid("renders a question with an answer differently from one without", undefined);
  }

  /**
   * Writes it into a checkpoint folder unless the tokenizer's own files hold it: as chat_template.json where it was read
   * from there, otherwise as chat_template.jinja, as transformers 5 does.
   *
   * @throws RocError FILE_UNWRITABLE
   */
  async save(folder: string): Promise<void> {
    const { origin, source } = this;
    if (origin === "chat_template.json") await writeFiles(folder, { [origin]: jsonText({ chat_template: source }) });
    if (origin === "processor_config.json") await writeFiles(folder, { "chat_template.jinja": source });
  }

  #contentOf(text: string): string | readonly ChatPart[] {
    this.#takesParts ??= this.#rendersParts();
    return this.#takesParts ? chatParts(text) : text;
  }

  /** Templates of text-only models take plain strings; given a list, some print it and some fail. */
  #rendersParts(): boolean {
    try {
      const text = this.render([{ role: "user", content: [{ type: "text", text: PROBE }] }]);
      return text.includes(PROBE) && !/['"]?type['"]?: *['"]text/.test(text);
    } catch {
      return false;
    }
  }

  #invalid(what: string, cause: unknown): RocError {
    const why = cause === undefined ? "" : ` (${messageOf(cause)})`;
    const remedy = "Correct it, or remove it to use the family's own prompt.";
    return new RocError("TOKENIZER_INVALID", `${this.file}: its chat_template ${what}${why}. ${remedy}`, { cause });
  }
}

/** Words that no template contains. */
const PROBE = "roc4mllm question";
const ANSWER = "roc4mllm answer";

/** What a template that is asked not to think begins an answer with. */
const EMPTY_THOUGHT = /<think>\s*<\/think>\s*$/;

/** `"<image>\nWhat?"` as an image and "What?": the line break after the marker is left to the template. */
export function chatParts(text: string): ChatPart[] {
  const [first = "", ...later] = text.split(/<image>\n?/);
  const part = (words: string): ChatPart[] => (words === "" ? [] : [{ type: "text", text: words }]);
  return [...part(first), ...later.flatMap((words) => [{ type: "image" } as const, ...part(words)])];
}

function tokensOf(tokenizer: Tokenizer): ChatTokens {
  const { bosTokenId, eosTokenId, padTokenId } = tokenizer;
  const tokens = { bos_token: bosTokenId, eos_token: eosTokenId, pad_token: padTokenId };
  const entries = Object.entries(tokens).map(([name, id]) => [name, id === undefined ? id : tokenizer.idToToken(id)]);
  return Object.fromEntries(entries.filter(([, token]) => token !== undefined)) as ChatTokens;
}

function sourceOf(text: string, file: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RocError("TOKENIZER_INVALID", `${file} is not JSON (${messageOf(cause)}); download it again`, { cause });
  }
  const parsed = holder.safeParse(value);
  if (!parsed.success)
    throw new RocError("TOKENIZER_INVALID", `${file}: chat_template is neither text nor a list of texts`);
  const template = parsed.data.chat_template ?? undefined;
  if (Array.isArray(template)) return template.find(({ name }) => name === "default")?.template;
  return typeof template === "object" ? template["default"] : template;
}
