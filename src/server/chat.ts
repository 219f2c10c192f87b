/** What a chat asks of a picture, out of a request in OpenAI's form. */
import { z } from "zod";
import type { ScoringMethod } from "../engine/index.js";
import { Refusal, UnknownModel } from "./errors.js";
import { pictureSchema, type PictureText } from "./schemas.js";

/** Letters of all texts of a request: no model here reads more. */
const LONGEST = 20_000;
const MOST_TOKENS = 4096;
const MOST_MESSAGES = 64;

const partSchema = z.union([
  z.looseObject({ type: z.literal("text"), text: z.string() }),
  z.looseObject({ type: z.literal("image_url"), image_url: z.looseObject({ url: pictureSchema }) }),
]);

const messageSchema = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: z.union([z.string(), z.array(partSchema)]).nullish(),
});

const tokens = z
  .int()
  .min(1)
  .nullish()
  .meta({ description: `At most ${MOST_TOKENS} count.` });

/** A request for a chat completion. Fields that are not named here are taken and have no effect. */
export const chatSchema = z
  .looseObject({
    model: z
      .string()
      .optional()
      .meta({ description: "The checkpoint's name, as GET /v1/models says it, or the part before its @." }),
    messages: z.array(messageSchema).min(1).max(MOST_MESSAGES).meta({ description: "One picture among them, as a data: URI, base64 or an id of the library." }), // prettier-ignore
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: tokens,
    max_completion_tokens: tokens,
    temperature: z.number().min(0).max(2).nullish().meta({ description: "Default 0: the likeliest tokens." }),
    seed: z.int().nullish(),
    stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
    n: z.literal(1).nullish(),
  })
  .meta({ id: "Chat" });

type ChatRequest = z.infer<typeof chatSchema>;

/** A chat as a question about one picture. */
export interface ChatQuestion {
  readonly picture: PictureText;
  /** Undefined: the score is asked for, which the checkpoint's own answer says. */
  readonly prompt: string | undefined;
  readonly maxTokens: number | undefined;
  readonly temperature: number;
  readonly seed: number | undefined;
  readonly stops: readonly string[];
}

/** @throws Refusal 400 for no picture, or several */
export function questionOf(request: ChatRequest, method: ScoringMethod | undefined): ChatQuestion {
  const pictures: PictureText[] = [];
  const turns = request.messages.map(({ role, content }) => {
    const parts = typeof content === "string" ? [content] : (content ?? []).flatMap((part) => textOf(part, pictures));
    return { role, text: inert(parts.join("\n").trim()) };
  });
  const [picture, ...others] = pictures;
  if (picture === undefined) throw new Refusal(400, "USAGE", "messages: there is no picture; send one as an image_url with a data: URI."); // prettier-ignore
  if (others.length > 0)
    throw new Refusal(400, "USAGE", "messages: send one picture at a time; POST /v1/compare compares several.");
  const prompt = promptOf(turns);
  if (prompt.length > LONGEST)
    throw new Refusal(400, "USAGE", `messages: the texts have more than ${LONGEST} letters.`);
  const { max_tokens, max_completion_tokens, temperature, seed, stop } = request;
  const most = max_completion_tokens ?? max_tokens ?? undefined;
  return {
    picture,
    prompt: asksForScore(prompt, method) ? undefined : prompt,
    maxTokens: most && Math.min(most, MOST_TOKENS),
    temperature: temperature ?? 0,
    seed: seed ?? undefined,
    stops: typeof stop === "string" ? [stop] : (stop ?? []),
  };
}

/** Whether a model that is asked for is the one that is here. @throws Refusal 404 */
export function checkModel(asked: string | undefined, name: string): void {
  if (asked === undefined || asked === name || asked === name.split("@")[0]) return;
  throw new UnknownModel(`This server has no model ${JSON.stringify(asked.slice(0, 100))}, but ${name}.`);
}

function textOf(part: z.infer<typeof partSchema>, pictures: PictureText[]): string[] {
  if (part.type === "text") return [part.text];
  pictures.push(part.image_url.url);
  return [];
}

interface Turn {
  readonly role: string;
  readonly text: string;
}

/** Who speaks in turn, as prompts call them. */
const SPEAKERS: Readonly<Record<string, string>> = {
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
  function: "Tool",
};

/** One text: models here are asked one thing. Earlier turns stand before it by the names of who spoke. */
function promptOf(turns: readonly Turn[]): string {
  const filled = turns.filter(({ text }) => text !== "");
  const said = filled.filter(({ role }) => Object.hasOwn(SPEAKERS, role)).length;
  const line = ({ role, text }: Turn): string => {
    const speaker = said < 2 ? undefined : SPEAKERS[role];
    return speaker === undefined ? text : `${speaker}: ${text}`;
  };
  return filled.map(line).join("\n");
}

/**
 * A text that a tokenizer finds no token of its own in (`<image>`, `<|im_end|>`, `</s>`): what a client writes are words, and
 * opens no place for a picture and ends no turn.
 */
function inert(text: string): string {
  return text.replace(/<(?=[|/!]?[\p{L}_|\uff5c])/gu, "< ");
}

/** Short questions for a score, in the words that people use. */
const SCORE = /^(please )?(((rate|score|grade) (this|the|my)\b)|(how (good|beautiful|aesthetic) is\b)|(what(['\u2019]s| is) the (aesthetic |quality )?(score|rating)\b))/i; // prettier-ignore
const SHORT = 120;

/** Whether the checkpoint's own question is asked, or one that is the same to a person. */
function asksForScore(prompt: string, method: ScoringMethod | undefined): boolean {
  const plain = (text: string): string => text.replaceAll("<image>", "").replace(/\s+/g, " ").trim().toLowerCase();
  const own = method && plain(method.prompt);
  return prompt === "" || plain(prompt) === own || (prompt.length <= SHORT && SCORE.test(prompt));
}

/** A text up to the first of its stops, as it comes. */
export class UntilStop {
  #text = "";
  #given = 0;
  #stopped = false;

  constructor(private readonly stops: readonly string[]) {}

  /** Whether a stop has come: what follows is nothing. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Adds a piece; returns what can be shown by now: what may begin a stop is held back. */
  push(piece: string, last = false): string {
    if (this.#stopped) return "";
    this.#text += piece;
    // Models begin with a blank.
    if (this.#given === 0) this.#text = this.#text.trimStart();
    const found = this.stops.map((stop) => this.#text.indexOf(stop)).filter((at) => at >= 0);
    this.#stopped = found.length > 0;
    const held = last ? 0 : Math.max(0, ...this.stops.map((stop) => partAtEnd(this.#text, stop)));
    const sure = this.#stopped ? Math.min(...found) : this.#text.length - held;
    // An answer ends in no blank: one is shown with what follows it.
    const end = this.#text.slice(0, sure).trimEnd().length;
    const shown = this.#text.slice(this.#given, Math.max(this.#given, end));
    this.#given += shown.length;
    return shown;
  }
}

/** Letters at the end of a text that a stop begins with. */
function partAtEnd(text: string, stop: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
