/**
 * A scene graph of a caption: its objects, their attributes and the relations between them. Rules over the parts of speech
 * and lemmas of the library wink-nlp; not the parser of SPICE's reference implementation (Stanford's, a Java program),
 * whose scores differ: reports name it {@link PARSER}.
 *
 * The rules: a noun is an object; adjectives, numbers and nouns before it are its attributes; so are the complement of a
 * linking verb and a verb without an object. A verb with an object, or a preposition between two nouns, is a relation.
 * Pronouns are ignored.
 */
import type { ItsFunction } from "wink-nlp";
import type { SceneGraph } from "./spice.js";

/** How reports name scores from this parser. */
export const PARSER = "SPICE-lite (own parser)";

/** A tagged word. */
export interface Tagged {
  /** In lower case. */
  readonly word: string;
  readonly lemma: string;
  /** Universal part of speech. */
  readonly pos: string;
}

export type Tagger = (text: string) => Tagged[];

/** wink-nlp with its English model; loading takes a few tenths of a second. */
export async function loadTagger(): Promise<Tagger> {
  const [{ default: winkNLP }, { default: model }] = await Promise.all([
    import("wink-nlp"),
    import("wink-eng-lite-web-model"),
  ]);
  const nlp = winkNLP(model);
  // The library compares these functions by identity and never calls them as methods. The type of `lemma` lacks an
  // argument.
  const { normal, lemma, pos } = nlp.its as unknown as Record<"normal" | "lemma" | "pos", ItsFunction<string>>;
  return (text) => {
    const tokens = nlp.readDoc(text).tokens();
    const [words, lemmas, tags] = [tokens.out(normal), tokens.out(lemma), tokens.out(pos)];
    return words.map((word, i) => ({ word, lemma: lemmas[i] ?? word, pos: tags[i] ?? "X" }));
  };
}

type Piece =
  | { readonly kind: "thing"; readonly head: string; readonly attributes: readonly string[] }
  | { readonly kind: "qualities"; readonly lemmas: readonly string[] }
  | { readonly kind: "verb"; readonly lemma: string; readonly participle: boolean }
  | { readonly kind: "preposition"; readonly lemma: string }
  | { readonly kind: "be" | "and" | "end" };

const LINKING = new Set(["be", "look", "seem", "appear", "feel", "become", "remain", "sound"]);
const NOUNS = new Set(["NOUN", "PROPN"]);
const QUALITIES = new Set(["ADJ", "NUM"]);

/** The graph of a text of one or more sentences. */
export function sceneGraph(tokens: readonly Tagged[]): SceneGraph {
  const clause = new Clause();
  for (const piece of piecesOf(tokens)) clause.take(piece);
  clause.take({ kind: "end" });
  return clause;
}

/** Phrases of a text. */
function piecesOf(tokens: readonly Tagged[]): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < tokens.length;) {
    const phrase = nounPhrase(tokens, i);
    const { pos, lemma, word } = tokens[i] as Tagged;
    if (phrase) pieces.push(phrase.piece);
    else if (pos === "AUX" || (pos === "VERB" && LINKING.has(lemma))) pieces.push({ kind: "be" });
    else if (pos === "VERB") pieces.push({ kind: "verb", lemma, participle: word.endsWith("ing") });
    else if (pos === "ADP") pieces.push({ kind: "preposition", lemma });
    else if (pos === "CCONJ" || word === ",") pieces.push({ kind: "and" });
    else if (pos === "PUNCT" || pos === "SCONJ") pieces.push({ kind: "end" });
    i = phrase?.end ?? i + 1;
  }
  return pieces;
}

/** The longest run of qualities and nouns from `start` on, if there is one. */
function nounPhrase(tokens: readonly Tagged[], start: number): { piece: Piece; end: number } | undefined {
  const qualities: string[] = [];
  const at = (i: number): Tagged | undefined => tokens[i];
  const is = (i: number, kinds: ReadonlySet<string>): boolean => kinds.has(at(i)?.pos ?? "");
  let i = start;
  for (;;) {
    if (is(i, QUALITIES) || isParticipleBefore(tokens, i)) qualities.push(tokens[i++]?.lemma ?? "");
    else if (at(i)?.pos === "ADV" && is(i + 1, QUALITIES) && (qualities.length > 0 || i > start || isNear(tokens, i)))
      i++;
    else if (qualities.length > 0 && (at(i)?.pos === "CCONJ" || at(i)?.word === ",") && is(i + 1, QUALITIES)) i++;
    else break;
  }
  const nouns: string[] = [];
  while (is(i, NOUNS)) nouns.push(tokens[i++]?.lemma ?? "");
  const head = nouns.pop();
  if (head !== undefined) return { piece: { kind: "thing", head, attributes: [...qualities, ...nouns] }, end: i };
  const last = qualities.at(-1);
  if (last === undefined) return undefined;
  // The tagger takes many a noun for an adjective ("the light"): after an article there must be a noun.
  if (at(start - 1)?.pos === "DET") {
    return { piece: { kind: "thing", head: last, attributes: qualities.slice(0, -1) }, end: i };
  }
  return { piece: { kind: "qualities", lemmas: qualities }, end: i };
}

/** An adverb that modifies the following quality, as in "very nice". */
function isNear(tokens: readonly Tagged[], i: number): boolean {
  return tokens[i + 1]?.pos === "ADJ";
}

/** "a *smiling* girl", "the *blurred* background": a form of a verb between an article or a quality and a noun. */
function isParticipleBefore(tokens: readonly Tagged[], i: number): boolean {
  const [before, token, after] = [tokens[i - 1], tokens[i], tokens[i + 1]];
  if (token?.pos !== "VERB" || !/(ing|ed)$/.test(token.word)) return false;
  const follows = before !== undefined && (before.pos === "DET" || before.pos === "ADJ");
  return follows && after !== undefined && (NOUNS.has(after.pos) || after.pos === "ADJ");
}

/** Builds the graph from a sequence of phrases. */
class Clause implements SceneGraph {
  readonly objects: string[] = [];
  readonly attributes: [string, string][] = [];
  readonly relations: [string, string, string][] = [];
  /** Things at the start of the clause. */
  #subjects: readonly string[] = [];
  /** Things that were mentioned last. */
  #latest: readonly string[] = [];
  /** A verb or preposition without its object so far. */
  #open: { readonly from: readonly string[]; readonly word: string; readonly verb: boolean } | undefined;
  /** The relation of the latest things, which things joined by "and" share. */
  #closed: { readonly from: readonly string[]; readonly word: string } | undefined;
  #linked = false;
  #joined = false;

  take(piece: Piece): void {
    switch (piece.kind) {
      case "thing":
        return this.#thing(piece.head, piece.attributes);
      case "qualities":
        if (!this.#linked) return;
        this.#describe(this.#subjects, piece.lemmas);
        // After an "and" another clause starts.
        this.#latest = [];
        this.#linked = false;
        return;
      case "be":
        this.#linked = true;
        return;
      case "verb": {
        const from = piece.participle && !this.#linked ? this.#latest : this.#subjects;
        this.#finishVerb();
        this.#open = { from, word: piece.lemma, verb: true };
        this.#linked = false;
        return;
      }
      case "preposition": {
        const { from, word } = this.#open?.verb ? this.#open : { from: this.#latest, word: "" };
        this.#open = { from, word: `${word} ${piece.lemma}`.trim(), verb: false };
        return;
      }
      case "and":
        this.#joined = this.#open === undefined && this.#latest.length > 0;
        return;
      case "end":
        this.#finishVerb();
        this.#reset();
    }
  }

  #thing(head: string, attributes: readonly string[]): void {
    this.objects.push(head);
    this.#describe([head], attributes);
    if (this.#linked) {
      // "the result is a mess": the complement is an attribute of the subject.
      this.#describe(this.#subjects, [head]);
      this.#linked = false;
    } else if (this.#open) {
      this.#relate(this.#open, head);
      this.#closed = this.#open;
      this.#open = undefined;
      this.#latest = [head];
    } else if (this.#joined) {
      if (this.#closed) this.#relate(this.#closed, head);
      if (this.#subjects === this.#latest) this.#subjects = [...this.#subjects, head];
      this.#latest = this.#closed ? [...this.#latest, head] : this.#subjects;
    } else {
      this.#reset();
      this.#subjects = this.#latest = [head];
    }
    this.#joined = false;
  }

  #describe(things: readonly string[], qualities: readonly string[]): void {
    for (const thing of things) for (const quality of qualities) this.attributes.push([thing, quality]);
  }

  #relate({ from, word }: { readonly from: readonly string[]; readonly word: string }, to: string): void {
    for (const thing of from) this.relations.push([thing, word, to]);
  }

  /** A verb without an object is an attribute of its subject. */
  #finishVerb(): void {
    if (this.#open?.verb) this.#describe(this.#open.from, [this.#open.word]);
    this.#open = undefined;
  }

  #reset(): void {
    this.#subjects = this.#latest = [];
    this.#closed = undefined;
    this.#linked = this.#joined = false;
  }
}
