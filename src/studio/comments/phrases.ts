/**
 * Praise and blame by topic. Clauses are whole sentences without capital and full stop; nouns follow "I like"; advice
 * follows "next time".
 *
 * Placeholders: {subject}; {well} nicely / very well / beautifully; {very} quite / very / perfectly; {too} a little too /
 * too / far too; {badly} slightly / clearly / badly; {much} a little / (nothing) / badly. A clause that starts with ! is
 * for gross flaws and rare merits only.
 */
import type { Factor } from "../factors.js";
import type { Pattern } from "../patterns.js";

type Texts = readonly [string, ...string[]];

export interface Praise {
  readonly nouns: Texts;
  readonly clauses: Texts;
}

export interface Blame extends Praise {
  readonly advice: Texts;
}

/** The degrees of each placeholder: mild, plain, strong. */
export const DEGREES: Readonly<Record<string, readonly [string, string, string]>> = {
  well: ["nicely", "very well", "beautifully"],
  very: ["quite", "very", "perfectly"],
  too: ["a little too", "too", "far too"],
  badly: ["slightly", "clearly", "badly"],
  much: ["a little", "", "badly"],
};

export const PRAISE: Readonly<Record<Factor | Pattern, Praise>> = {
  exposure: {
    nouns: ["the light", "the exposure"],
    clauses: ["the exposure is {well} judged", "the light is {well} caught", "!light and shade are in perfect balance"],
  },
  contrast: {
    nouns: ["the contrast", "the rich tones"],
    clauses: ["the contrast is {well} handled", "the tones run {well} from deep to bright", "!the blacks are rich"],
  },
  saturation: {
    nouns: ["the natural colours", "the colours"],
    clauses: ["the colours are {well} rendered", "the colours look {very} natural", "the saturation is {well} chosen"],
  },
  harmony: {
    nouns: ["the palette", "the colour harmony"],
    clauses: ["the hues go together {well}", "the palette is {well} tuned", "!every hue belongs with the others"],
  },
  motion: {
    nouns: ["the sharpness", "the steady camera"],
    clauses: ["the details are {very} crisp", "it is {very} sharp", "the camera was held {very} still"],
  },
  noise: {
    nouns: ["the clean tones", "the fine image quality"],
    clauses: ["the image is {very} clean", "the tones are {very} smooth", "!there is no grain at all"],
  },
  depth: {
    nouns: ["the shallow depth of field", "the soft background"],
    clauses: ["{subject} stands out {well} from the soft background", "the focus on {subject} is {well} set"],
  },
  clutter: {
    nouns: ["the tidy frame", "the simplicity"],
    clauses: [
      "the frame is {very} tidy",
      "!nothing distracts from {subject}",
      "the surroundings are kept {very} simple",
    ],
  },
  placement: {
    nouns: ["the composition", "the placing of {subject}"],
    clauses: [
      "{subject} is {well} placed",
      "the composition is {well} balanced",
      "!{subject} sits right on the thirds",
    ],
  },
  repetition: {
    nouns: ["the rhythm", "the repeating row"],
    clauses: ["the repeating row gives it {very} good rhythm", "the pattern across the frame works {well}"],
  },
  symmetry: {
    nouns: ["the symmetry", "the mirrored halves"],
    clauses: ["the symmetry is {well} used", "the mirrored halves hold it together {well}"],
  },
};

/** One text per faulty side of a factor, in the order of FACTORS. */
export const BLAME: Readonly<Record<Factor, readonly [Blame, ...Blame[]]>> = {
  exposure: [
    {
      nouns: ["the darkness", "the underexposure"],
      clauses: ["the picture is {too} dark", "it is {badly} underexposed", "!the shadows swallow {subject}"],
      advice: ["open up the exposure", "let in more light"],
    },
    {
      nouns: ["the blown highlights", "the overexposure"],
      clauses: ["the picture is {too} bright", "it is {badly} overexposed", "!the highlights are burnt out"],
      advice: ["bring the exposure down", "protect the highlights"],
    },
  ],
  contrast: [
    {
      nouns: ["the haze", "the flat tones"],
      clauses: ["the tones are {too} flat", "it looks {badly} washed out", "!a grey haze lies over everything"],
      advice: ["add some contrast", "cut through the haze"],
    },
  ],
  saturation: [
    {
      nouns: ["the missing colour", "the dull colours"],
      clauses: ["the colours are {too} pale", "it is {badly} drained of colour", "!hardly any colour is left"],
      advice: ["bring the colours back", "be less shy with colour"],
    },
    {
      nouns: ["the garish colours", "the oversaturation"],
      clauses: ["the colours are {too} loud", "it is {badly} oversaturated", "!the colours scream"],
      advice: ["turn down the saturation", "be gentler with colour"],
    },
  ],
  harmony: [
    {
      nouns: ["the clashing hues", "the mixed palette"],
      clauses: ["the hues clash {much}", "the palette is {too} mixed", "!the colours fight each other"],
      advice: ["settle on fewer hues", "choose colours that agree"],
    },
  ],
  motion: [
    {
      nouns: ["the camera shake", "the motion blur"],
      clauses: ["it is {badly} shaken", "the motion blur shows {much}", "!everything is smeared"],
      advice: ["use a tripod", "hold the camera still"],
    },
  ],
  noise: [
    {
      nouns: ["the grain", "the noise"],
      clauses: ["it is {too} grainy", "it is {badly} noisy", "!the noise eats all detail"],
      advice: ["use a lower sensitivity", "clean up the noise"],
    },
  ],
  depth: [
    {
      nouns: ["the missed focus", "the sharp background"],
      clauses: ["{subject} is {too} soft", "the focus has {badly} missed {subject}", "!only the background is sharp"],
      advice: ["focus on {subject}", "watch the focus"],
    },
  ],
  clutter: [
    {
      nouns: ["the clutter", "the stray things"],
      clauses: ["the frame is {too} cluttered", "stray things distract {much} from {subject}", "!the frame is a mess"],
      advice: ["tidy up the frame", "clear away the clutter"],
    },
  ],
  placement: [
    {
      nouns: ["the cramped framing", "the crop at the edge"],
      clauses: ["{subject} is {too} close to the edge", "!{subject} nearly falls out of the frame"],
      advice: ["give {subject} more room", "move {subject} inwards"],
    },
    {
      nouns: ["the central placing", "the static composition"],
      clauses: ["{subject} sits {too} squarely in the middle", "the centred composition is {too} static"],
      advice: ["move {subject} off the centre", "try the rule of thirds"],
    },
  ],
};

/** A rater's verdict, from the worst to the best; before the scene's name, or as a sentence. */
export const VERDICTS: readonly [Verdict, Verdict, Verdict, Verdict, Verdict] = [
  { adjectives: ["Poor", "Dreadful", "Failed"], endings: ["This does not work for me.", "Sorry, no."] },
  { adjectives: ["Weak", "Mediocre", "Unconvincing"], endings: ["Not quite there.", "It leaves me cold."] },
  { adjectives: ["Decent", "Ordinary", "Fair"], endings: ["A fair effort.", "Not bad, not special."] },
  { adjectives: ["Good", "Lovely", "Strong"], endings: ["Well done.", "Nice work."] },
  { adjectives: ["Superb", "Stunning", "Gorgeous"], endings: ["A joy to look at.", "More like this, please."] },
];

export interface Verdict {
  readonly adjectives: Texts;
  readonly endings: Texts;
}

/**
 * Sentence templates by the points to mention: {p} and {q} are clauses of praise, {P} and {Q} nouns of it; {b}, {c}, {B},
 * {C} of blame.
 */
export const SENTENCES = {
  praise: ["{p}.", "I like {P}.", "Love {P}!", "What I enjoy most is {P}.", "Well seen: {p}."],
  praises: ["{p} and {q}.", "{P} and {Q} make this picture.", "I like {P} and {Q}.", "{p}. Also, {q}."],
  blame: ["{b}.", "Sorry, but {b}.", "What spoils it for me: {B}.", "I do not care for {B}.", "Trouble is, {b}."],
  blames: ["{b} and {c}.", "{b}. Besides, {c}.", "I am bothered by {B} and {C}.", "{B} and {C} let it down."],
  forgiven: ["{p}, so I forgive {B}.", "{p}, though {b}.", "I like {P}, even if {b}.", "{b}, but {p}."],
  regretted: ["{p}, but {b}.", "Shame about {B}, because {p}.", "{p}, which cannot make up for {B}.", "I like {P}; sadly, {b}."],
  nothing: ["There is little to say about {subject}.", "{subject} is neither here nor there.", "Nothing about it stands out."],
} as const satisfies Record<string, Texts>; // prettier-ignore
