/**
 * Captions to tokens. The reference caption code runs the Penn Treebank tokenizer of Stanford CoreNLP, a Java program, in
 * lower case and then drops the tokens of a list of punctuation. {@link tokenize} approximates that; to reproduce
 * published figures, tokenize with the reference and give the result as tokenized.
 */

/** White space as Python's `str.split` knows it: not JavaScript's `\s`, which has U+FEFF and lacks U+001C to 1F and U+0085. */
const PYTHON_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Tokens of a text that is already tokenized. */
export function splitTokens(text: string): string[] {
  return text.split(PYTHON_SPACE).filter((token) => token !== "");
}

/** What the reference drops after tokenizing, as single characters: its `...`, `--`, `''` and ``` `` ``` are runs of these. */
const DROPPED = new Set([...`.?!,:;-'"\``]);

/** Characters that the reference's tokenizer replaces by ASCII. */
const PLAIN: Readonly<Record<string, string>> = {
  ...{ "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"' },
  ...{ "\u2013": " - ", "\u2014": " - ", "\u2026": "." },
  ...{ "\u00bd": "1/2", "\u00bc": "1/4", "\u00be": "3/4", "\u20ac": "$", "\u00a3": "#" },
};

/** In lower case the bracket tokens do not match the reference's list, so it retains them. */
const BRACKETS: Readonly<Record<string, string>> = {
  ...{ "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-" },
};

const ABBREVIATIONS =
  "apr|aug|ave|capt|col|corp|co|dec|dept|dr|etc|est|feb|fig|ft|gen|gov|inc|jan|jr|lt|ltd|messrs|mr|mrs|ms|mt|nov|oct|pres|prof|rev|sen|sept|sgt|sr|st|vs";

/** Token patterns; the first that matches wins. */
const TOKEN = new RegExp(
  [
    // Addresses, names of people and topics on the web, smileys.
    String.raw`(?:https?:\/\/|www\.)[^\s"<>()]*[\p{L}\p{N}\/]`,
    String.raw`[\p{L}\p{N}._-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+`,
    String.raw`[#@]\p{L}[\p{L}\p{N}_]*`,
    String.raw`(?<![\p{L}\p{N}])[:;=]-?[()DPp](?![\p{L}\p{N}])`,
    // U.S. and Ph.D., abbreviations and initials, B&W, two sentences without a space between.
    String.raw`\p{L}(?:\.\p{L})+\.?(?![\p{L}\p{N}])`,
    String.raw`[Pp]h\.[Dd]\.|al\.(?=\s|$)|[Nn]os?\.(?=\s*\p{N})`,
    String.raw`(?<![\p{L}\p{N}'.])(?:\p{L}|${ABBREVIATIONS.replaceAll(/\b(\w)/g, (c) => `[${c}${c.toUpperCase()}]`)})\.(?![\p{L}\p{N}.])`,
    String.raw`\p{Lu}+&\p{Lu}+(?!\p{L})`,
    String.raw`\p{L}+(?:[.!?]\p{L}+)+(?![\p{L}\p{N}'])`,
    // 1,000.5, 10:30, .5 and -5.
    String.raw`(?:\+|(?<![\p{L}\p{N}])-)?(?:\.\p{N}+|\p{N}+(?:[.,:]\p{N}+)+)`,
    String.raw`(?:\+|(?<![\p{L}\p{N}])-)\p{N}+(?![\p{L}\p{N}\/-])`,
    // Words with inner punctuation, a single clitic, runs of one character, any other character.
    String.raw`[\p{L}\p{M}\p{N}]+(?:(?:[-'\/]|_(?!_))[\p{L}\p{M}\p{N}]+)*`,
    String.raw`'(?:s|re|ve|ll|d|m|em|cause|n'|[Tt]is|[Tt]was|\p{N}0s)(?![\p{L}\p{N}])`,
    String.raw`[!?]{2,}|\*+|_+`,
    String.raw`\S`,
  ].join("|"),
  "gu",
);

/** Contractions, as the Penn Treebank splits them. */
const PARTED =
  /^(can)(not)$|^(gon|wan)(na)$|^(got)(ta)$|^(gim|lem)(me)$|^(y')(all)$|^('t)(is|was)$|^(.+)(n't|'(?:s|re|ve|ll|d|m))$/;

/**
 * Tokens of plain text: lower case, clitics split off (`do n't`, `it 's`), words with inner hyphens and slashes, numbers
 * and addresses unsplit, single punctuation dropped; `!!` stays, as in the reference. Known differences from it:
 * abbreviations beyond the common ones lose their full stop, and rarer smileys are split.
 */
export function tokenize(text: string): string[] {
  const plain = text.replace(/[\u2018\u2019\u201c\u201d\u00ab\u00bb\u2013\u2014\u2026\u00bc-\u00be\u20ac\u00a3]/g, (sign) => PLAIN[sign] ?? sign); // prettier-ignore
  return (plain.match(TOKEN) ?? [])
    .filter((token) => !DROPPED.has(token))
    .flatMap((token) => parted(token.toLowerCase()))
    .map((token) => token.replace(/[()[\]{}]/g, (bracket) => BRACKETS[bracket] ?? bracket));
}

/** I'd've has two clitics. */
function parted(token: string): string[] {
  const [first, last] = PARTED.exec(token)?.slice(1).filter(Boolean) ?? [];
  return first === undefined || last === undefined ? [token] : [...parted(first), last];
}
