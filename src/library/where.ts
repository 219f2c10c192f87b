/**
 * What `--where` says, as a condition with parameters: nothing of the text reaches the database but as a value.
 *
 *     expression = conjunction { "or" conjunction }
 *     conjunction = term { "and" term }
 *     term = "not" term | "(" expression ")" | field operator value
 *     operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (contains, in any case)
 *     value = number | date | text in quotes, " within " twice | word | "none"
 *
 * A field that is none of {@link FIELDS} is an attribute; quotes around it allow blanks.
 */
import { RocError } from "../errors.js";
import type { Value } from "./connection.js";

/** A condition of SQL and its parameters in order. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** What a field's values are. */
type Kind = "number" | "text" | "date" | "folder";

/** Fields by name: kind, and where the value is. `f`, `p`, `s`, `j`, `t` are file, picture, score, judge and taste. */
const FIELDS: Readonly<Record<string, readonly [Kind, string]>> = {
  score: ["number", "s.score"],
  std: ["number", "s.std"],
  percentile: ["number", "s.score"],
  stars: ["number", "coalesce(f.stars, p.rating)"],
  width: ["number", "p.width"],
  height: ["number", "p.height"],
  taken: ["date", "p.taken"],
  camera: ["text", "p.camera"],
  name: ["text", "CAST(f.name AS TEXT)"],
  folder: ["folder", "f.folder"],
  pick: ["text", "f.pick"],
  judge: ["text", "j.name"],
  taste: ["number", "t.score"],
};

const ATTRIBUTE = "(SELECT value FROM json_each(s.attributes) WHERE key = ?)";

/** The scores whose percentile fulfils a comparison, from the lowest to the highest; undefined: none does. */
export type ScoresBetween = (operator: string, percentile: number) => readonly [low: number, high: number] | undefined;

export interface WhereOptions {
  /** Names of the attributes that the judge gives. */
  readonly attributes: readonly string[];
  readonly scoresBetween: ScoresBetween;
  /** The scores that percentiles are of: the judge's, or a taste's. Default the judge's. */
  readonly ranked?: "s.score" | "t.score";
}

/** Brackets and "not" within one another, and letters of a condition. */
const [DEEPEST, LONGEST] = [50, 2000];

interface Token {
  readonly kind: "word" | "text" | "operator" | "bracket" | "end";
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

const TOKEN =
  /\s*(?:(?<bracket>[()])|(?<operator>[<>!]?=|[<>~])|"(?<double>(?:[^"]|"")*)"|'(?<single>[^']*)'|(?<word>[^\s()<>=!~"']+))/uy;

/** @throws RocError USAGE pointing at the column */
export function parseWhere(text: string, options: WhereOptions): Condition {
  return new Parser(text, options).parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(
    readonly text: string,
    readonly options: WhereOptions,
  ) {
    this.#tokens = this.#tokenize();
  }

  parse(): Condition {
    const condition = this.#expression();
    const { kind, text, column } = this.#peek();
    if (kind !== "end") this.#fail(column, `${JSON.stringify(text)} is not expected here; "and", "or" or the end is`);
    return condition;
  }

  #tokenize(): Token[] {
    if (this.text.length > LONGEST)
      throw new RocError("USAGE", `--where is longer than ${LONGEST} letters. Shorten it.`);
    const tokens: Token[] = [];
    let at = 0;
    while (this.text.slice(at).trim() !== "") {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(this.text);
      const start = at + (/^\s*/.exec(this.text.slice(at))?.[0].length ?? 0);
      if (!found)
        this.#fail(start + 1, `${JSON.stringify(this.text[start])} is not understood, or a quote is not closed`);
      const { bracket, operator, double, single, word } = found.groups ?? {};
      const column = start + 1;
      if (bracket !== undefined) tokens.push({ kind: "bracket", text: bracket, column });
      else if (operator !== undefined) tokens.push({ kind: "operator", text: operator, column });
      else if (word !== undefined) tokens.push({ kind: "word", text: word, column });
      else
        tokens.push({
          kind: "text",
          text: double?.replaceAll('""', '"') ?? single ?? "",
          column,
        });
      at = TOKEN.lastIndex;
    }
    return [...tokens, { kind: "end", text: "the end", column: this.text.trimEnd().length + 1 }];
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #isWord(text: string): boolean {
    const token = this.#peek();
    return token.kind === "word" && token.text.toLowerCase() === text;
  }

  #joined(word: string, part: () => Condition): Condition {
    const parts = [part()];
    while (this.#isWord(word)) {
      this.#next();
      parts.push(part());
    }
    if (parts.length === 1) return parts[0] as Condition;
    const sql = parts.map((one) => `(${one.sql})`).join(` ${word.toUpperCase()} `);
    return { sql, values: parts.flatMap(({ values }) => values) };
  }

  #expression(): Condition {
    return this.#joined("or", () => this.#joined("and", () => this.#term()));
  }

  #term(): Condition {
    if (++this.#depth > DEEPEST) this.#fail(this.#peek().column, "the condition is nested too deeply");
    const condition = this.#single();
    this.#depth--;
    return condition;
  }

  #single(): Condition {
    if (this.#isWord("not")) {
      this.#next();
      const { sql, values } = this.#term();
      // What is not known is neither so nor not so.
      return { sql: `NOT coalesce((${sql}), 0)`, values };
    }
    const first = this.#next();
    if (first.kind === "bracket" && first.text === "(") {
      const inner = this.#expression();
      const close = this.#next();
      if (close.text !== ")" || close.kind !== "bracket") this.#fail(close.column, 'a ")" is missing');
      return inner;
    }
    if (first.kind !== "word" && first.kind !== "text")
      this.#fail(first.column, `a field is missing: ${this.#known()}`);
    const operator = this.#next();
    if (operator.kind !== "operator") this.#fail(operator.column, "one of = != < <= > >= ~ is missing");
    const value = this.#next();
    if (value.kind !== "word" && value.kind !== "text") this.#fail(value.column, "a value is missing");
    return this.#comparison(first, operator, value);
  }

  #comparison(field: Token, operator: Token, value: Token): Condition {
    const known = field.kind === "word" ? FIELDS[field.text.toLowerCase()] : undefined;
    if (known === FIELDS["taste"] && known && this.options.ranked !== "t.score")
      this.#fail(field.column, "taste is the score of a taste, and none is named. Add --taste NAME (over HTTP: ?taste=NAME)"); // prettier-ignore
    const [kind, column] = known ?? (["number", ATTRIBUTE] as const);
    const before = known ? [] : [this.#attribute(field)];
    if (value.kind === "word" && value.text.toLowerCase() === "none") return this.#absence(column, before, operator);
    if (operator.text === "~" && kind !== "text" && kind !== "folder")
      this.#fail(operator.column, `~ looks for a part of a text, and ${field.text} is none`);
    if (kind === "date") return this.#date(column, operator, value);
    if (kind === "folder") return this.#folder(operator, value);
    if (kind === "text") return textCondition(column, operator.text, value.text);
    const number = Number(value.text);
    if (value.text.trim() === "" || !Number.isFinite(number))
      this.#fail(value.column, `${field.text} is compared with a number, not ${JSON.stringify(value.text)}`);
    if (field.text.toLowerCase() === "percentile" && known) return this.#percentile(operator.text, number);
    return { sql: `${column} ${operator.text} ?`, values: [...before, number] };
  }

  #attribute({ text, column }: Token): string {
    const found = this.options.attributes.find((name) => name.toLowerCase() === text.toLowerCase());
    return found ?? this.#fail(column, `there is no field ${JSON.stringify(text)}: ${this.#known()}`);
  }

  #absence(column: string, values: readonly Value[], operator: Token): Condition {
    if (operator.text !== "=" && operator.text !== "!=") this.#fail(operator.column, "none is compared by = or !=");
    return { sql: `${column} IS ${operator.text === "=" ? "" : "NOT "}NULL`, values };
  }

  /** A year, month, day or time stands for all of it: `taken <= 2026-05` takes in the 31st. */
  #date(column: string, operator: Token, value: Token): Condition {
    const text = value.text.replace(" ", "T");
    if (!/^\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d+)?)?)?)?)?)?$/.test(text) || !isDate(text))
      this.#fail(
        value.column,
        `${JSON.stringify(value.text)} is no date: give 2026, 2026-05, 2026-05-31 or 2026-05-31T18:30`,
      );
    return { sql: `substr(${column}, 1, ?) ${operator.text} ?`, values: [BigInt(text.length), text] };
  }

  /** A folder and all below it. */
  #folder(operator: Token, { text }: Token): Condition {
    if (operator.text === "~") return textCondition("CAST(f.folder AS TEXT)", "~", text);
    if (operator.text !== "=" && operator.text !== "!=")
      this.#fail(operator.column, "a folder is compared by =, != or ~");
    const within = withinFolder(text);
    return operator.text === "=" ? within : { sql: `NOT (${within.sql})`, values: within.values };
  }

  #percentile(operator: string, percentile: number): Condition {
    if (operator === "!=") {
      const { sql, values } = this.#percentile("=", percentile);
      return { sql: `NOT (${sql})`, values };
    }
    const range = this.options.scoresBetween(operator, percentile);
    return range
      ? { sql: `${this.options.ranked ?? "s.score"} BETWEEN ? AND ?`, values: range }
      : { sql: "0", values: [] };
  }

  #known(): string {
    const { attributes } = this.options;
    const also =
      attributes.length > 0 ? `, and the judge's ${attributes.map((name) => JSON.stringify(name)).join(", ")}` : "";
    return `fields are ${Object.keys(FIELDS).join(", ")}${also}`;
  }

  #fail(column: number, why: string): never {
    const pointer = `${" ".repeat(column - 1)}^`;
    throw new RocError("USAGE", `--where, column ${column}: ${why}\n  ${this.text}\n  ${pointer}`);
  }
}

/** Whether there is such a month, day and time. */
function isDate(text: string): boolean {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = text.split(/[-T:]/).map(Number);
  const days = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  return month >= 1 && month <= 12 && day >= 1 && day <= days && hour < 24 && minute < 60 && second < 61;
}

/** SQLite's own functions know the cases of A to Z alone: other letters are looked for in both. */
function textCondition(column: string, operator: string, text: string): Condition {
  const contains = operator === "~";
  if (/[^\0-\x7f]/.test(text) && (contains || operator === "=" || operator === "!=")) {
    // Some systems write letters and their marks apart.
    const forms = [...new Set([text, text.normalize("NFC"), text.normalize("NFD")])];
    const patterns = forms.map((form) => (contains ? `*${anyCase(form)}*` : anyCase(form)));
    const sql = patterns.map(() => `${column} GLOB ?`).join(" OR ");
    return { sql: operator === "!=" ? `NOT (${sql})` : `(${sql})`, values: patterns };
  }
  if (contains) return { sql: `instr(lower(${column}), lower(?)) > 0`, values: [text] };
  return { sql: `${column} ${operator} ? COLLATE NOCASE`, values: [text] };
}

/** A text as a pattern of GLOB that takes each letter in both cases. */
function anyCase(text: string): string {
  const both = (letter: string): string => {
    const cases = [letter, letter.toLowerCase(), letter.toUpperCase()].filter((one) => [...one].length === 1);
    const found = [...new Set(cases)].join("");
    return found !== letter || /[*?[]/.test(letter) ? `[${found}]` : letter;
  };
  return [...text].map(both).join("");
}

/** Files in a folder or anywhere below it. @param folder a path without an end slash, or its bytes */
export function withinFolder(folder: string | Uint8Array): Condition {
  const given = typeof folder === "string" ? Buffer.from(folder, "utf8") : Buffer.from(folder);
  const bytes = given.length > 1 && given.at(-1) === SLASH ? given.subarray(0, -1) : given;
  const below = bytes.equals(Buffer.of(SLASH)) ? bytes : Buffer.concat([bytes, Buffer.of(SLASH)]);
  const past = Buffer.concat([below.subarray(0, -1), Buffer.of(SLASH + 1)]);
  return { sql: "(f.folder = ? OR (f.folder >= ? AND f.folder < ?))", values: [bytes, below, past] };
}

const SLASH = 47;
