/**
 * Captions to tokens. The reference caption code runs the Penn Treebank tokenizer of Stanford CoreNLP, a Java program, in
 * lower case and then drops the tokens of a list of punctuation. {@link tokenize} approximates that; to equal published
 * figures, tokenize with the reference and give the result as tokenized.
 */

/** White space as Python's `str.split` knows it: not JavaScript's `\s`, which has U+FEFF and lacks U+001C to 1F and U+0085. */
const PYTHON_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Tokens of a text that is tokenized already. */
export function splitTokens(text: string): string[] {
  return text.split(PYTHON_SPACE).filter((token) => token !== "");
}

/** What the reference drops after tokenizing, as single characters: its `...`, `--`, `''` and ``` `` ``` are runs of these. */
const DROPPED = new Set([...`.?!,:;-'"\``]);

/** Typographic signs that the reference's tokenizer writes plainly. */
const PLAIN: Readonly<Record<string, string>> = {
  ...{ "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"' },
  ...{ "\u2013": "-", "\u2014": "-", "\u2026": "." },
};

/** In lower case the names of brackets are not those of the reference's list, so it keeps them. */
const BRACKETS: Readonly<Record<string, string>> = {
  ...{ "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-" },
};

/** In order: u.s., 1,000.5 or 10:30, words with inner hyphens and apostrophes, a clitic by itself, any other sign. */
const TOKEN = new RegExp(
  [
    String.raw`\p{L}(?:\.\p{L})+\.?(?![\p{L}\p{N}])`,
    String.raw`\p{N}+(?:[.,:]\p{N}+)+`,
    String.raw`[\p{L}\p{M}\p{N}]+(?:[-'_][\p{L}\p{M}\p{N}]+)*`,
    String.raw`'(?:s|re|ve|ll|d|m)(?![\p{L}\p{N}])`,
    String.raw`\S`,
  ].join("|"),
  "gu",
);

/** Two words in one, as the Penn Treebank parts them. */
const PARTED = /^(can)(not)$|^(gon|wan)(na)$|^(got)(ta)$|^(gim|lem)(me)$|^(.+)(n't|'(?:s|re|ve|ll|d|m))$/;

/**
 * Tokens of plain text: lower case, clitics parted (`do n't`, `it 's`), words with inner hyphens and numbers whole,
 * punctuation dropped. Known differences from the reference: abbreviations with one full stop lose it, and addresses of
 * pages and smileys are cut to pieces.
 */
export function tokenize(text: string): string[] {
  const plain = text
    .toLowerCase()
    .replace(/[\u2018\u2019\u201c\u201d\u00ab\u00bb\u2013\u2014\u2026]/g, (sign) => PLAIN[sign] ?? sign);
  return (plain.match(TOKEN) ?? [])
    .filter((token) => !DROPPED.has(token))
    .flatMap((token) => PARTED.exec(token)?.slice(1).filter(Boolean) ?? [BRACKETS[token] ?? token]);
}
