/**
 * Comments as several people would write them: about what is good or bad in the picture, as far as each of them noticed.
 *
 * A merit is praised above and blamed below the thresholds of {@link NOTICED}. The distance beyond the threshold, relative
 * to the maximum, is its size; its pull is the weight in the latent quality times 0.2 + 0.8 size (0.6 times the strength
 * for a pattern). A commenter picks one to three of these points, the strongest first, with noise; lenient raters notice
 * merits sooner. The words of degree follow the size, and the verdict, if any, the quality as this rater perceives it. So
 * a comment is informative of the score, but never contains a number.
 */
import { Random } from "../../random.js";
import { SUBJECTS, settingOf, SETTINGS, subjectOf } from "../facts.js";
import { FACTORS, factorsOf, type Composition, type Factor, type SceneName } from "../factors.js";
import { PATTERN_NAMES, PATTERN_RULE, type Pattern } from "../patterns.js";
import { panelOf } from "../ratings.js";
import type { Rater } from "../raters.js";
import { BLAME, DEGREES, PRAISE, SENTENCES, VERDICTS, type Blame, type Praise } from "./phrases.js";

/** Number of commenters of a picture. */
const COMMENTERS = { fewest: 3, most: 6 } as const;
/** Merits below which a flaw is noticed, and above which quality is. A little shake is noticed at once. */
const NOTICED: Readonly<Record<Factor, { readonly blamed: number; readonly praised: number }>> = {
  exposure: { blamed: 0.45, praised: 0.65 },
  contrast: { blamed: 0.4, praised: 0.65 },
  saturation: { blamed: 0.45, praised: 0.65 },
  harmony: { blamed: 0.4, praised: 0.65 },
  motion: { blamed: 0.65, praised: 0.88 },
  noise: { blamed: 0.5, praised: 0.85 },
  depth: { blamed: 0.4, praised: 0.65 },
  clutter: { blamed: 0.5, praised: 0.88 },
  placement: { blamed: 0.4, praised: 0.7 },
};

/** Perceived quality thresholds between verdicts. */
const VERDICT_STEPS = [3.9, 5, 6, 7.1] as const;
const MOOD = 0.6;

/** A scene, up to the subject's name. */
const SCENE_WORDS: Readonly<Record<SceneName, string>> = {
  landscape: "landscape with",
  "still-life": "still life with",
  portrait: "portrait of",
  architecture: "city view with",
  abstract: "abstract of",
};

interface Point {
  /** Effect on the score: above 0 praise, below 0 blame. */
  readonly pull: number;
  readonly texts: Praise | Blame;
  /** Mild, plain or strong. */
  readonly degree: 0 | 1 | 2;
}

/** The comments on a picture: three to six different ones. Deterministic. */
export function commentsOn(composition: Composition, raters: readonly Rater[]): string[] {
  const random = new Random(composition.seed, composition.index, "comments");
  const count = COMMENTERS.fewest + random.int(COMMENTERS.most - COMMENTERS.fewest + 1);
  const points = pointsOf(composition);
  // More commenters than comments: where there is little to say, two write the same, which is included once.
  const comments = new Set<string>();
  for (const rater of panelOf(raters, 3 * count, random)) {
    if (comments.size < count) comments.add(commentBy(rater, composition, points, random));
  }
  return [...comments];
}

/** All points that a comment on a picture may mention. */
function pointsOf(composition: Composition): Point[] {
  const { scene, merits, sides, patterns } = composition;
  const points: Point[] = [];
  for (const factor of factorsOf(scene)) {
    const { blamed, praised } = NOTICED[factor];
    const merit = merits[factor] ?? blamed;
    if (merit >= blamed && merit <= praised) continue;
    const size = merit > praised ? (merit - praised) / (1 - praised) : (blamed - merit) / blamed;
    const pull = FACTORS[factor].weight * (0.2 + 0.8 * size);
    const texts = merit > praised ? PRAISE[factor] : blameOf(factor, sides[factor] ?? 0);
    points.push({ pull: merit > praised ? pull : -pull, texts, degree: degreeOf(size) });
  }
  for (const name of PATTERN_NAMES) {
    const strength = patterns?.[name] ?? 0;
    if (strength > 0) points.push(patternPoint(name, strength));
  }
  return points;
}

function blameOf(factor: Factor, side: number): Blame {
  return BLAME[factor][side] ?? BLAME[factor][0];
}

function patternPoint(name: Pattern, strength: number): Point {
  return { pull: PATTERN_RULE.bonus * strength, texts: PRAISE[name], degree: degreeOf(strength) };
}

function degreeOf(size: number): 0 | 1 | 2 {
  return size > 0.75 ? 2 : size > 0.35 ? 1 : 0;
}

function commentBy(rater: Rater, composition: Composition, points: readonly Point[], random: Random): string {
  const felt = composition.latent + rater.bias + random.gaussian(0, MOOD);
  const verdict = VERDICT_STEPS.filter((step) => felt > step).length;
  const noticed = notice(points, rater, random);
  const fitting = (verdict - 2) * sumOf(noticed) >= 0;
  const parts = [
    ...opening(composition, fitting ? verdict : undefined, random),
    said(noticed, random),
    ...ending(noticed, fitting ? verdict : undefined, random),
  ];
  return finish(parts.join(" "), SUBJECTS[subjectOf(composition)].noun);
}

/** One to three points, the strongest first. */
function notice(points: readonly Point[], { bias }: Rater, random: Random): Point[] {
  const most = random.pick([1, 1, 2, 2, 2, 3]);
  const keyed = points.map((point) => {
    const kindness = Math.sign(point.pull) * 0.4 * bias;
    return { point, key: Math.abs(point.pull) * Math.exp(random.gaussian(kindness, 0.5)) };
  });
  keyed.sort((a, b) => b.key - a.key);
  return keyed.slice(0, most).map(({ point }) => point);
}

/** @param verdict 0..4; undefined where it would contradict the points */
function opening(composition: Composition, verdict: number | undefined, random: Random): string[] {
  if (!random.chance(0.45)) return [];
  const { indefinite } = SUBJECTS[subjectOf(composition)];
  const setting = settingOf(composition);
  const place = setting !== undefined && random.chance(0.5) ? ` before ${SETTINGS[setting]}` : "";
  const scene = SCENE_WORDS[composition.scene];
  const plain = scene.startsWith("a") ? "An" : "A";
  const judged = verdict === undefined ? undefined : VERDICTS[verdict];
  const first = judged && random.chance(0.6) ? random.pick(judged.adjectives) : plain;
  return [`${first} ${scene} ${indefinite}${place}.`];
}

/** A verdict, or advice. @param verdict as in {@link opening} */
function ending(noticed: readonly Point[], verdict: number | undefined, random: Random): string[] {
  if (!random.chance(0.35)) return [];
  const [blame] = noticed.flatMap(({ texts }) => ("advice" in texts ? [texts] : []));
  if (blame && random.chance(0.5)) return [`Next time ${random.pick(blame.advice)}.`];
  const judged = verdict === undefined ? undefined : VERDICTS[verdict];
  return judged ? [random.pick(judged.endings)] : [];
}

function sumOf(points: readonly Point[]): number {
  return points.reduce((total, { pull }) => total + pull, 0);
}

/** The points in a sentence or two. */
function said(points: readonly Point[], random: Random): string {
  const goods = points.filter(({ pull }) => pull > 0);
  const bads = points.filter(({ pull }) => pull <= 0);
  const [good, good2, good3] = goods;
  const [bad, bad2, bad3] = bads;
  if (good && bad) {
    const both = fill(
      random.pick(sumOf(points) > 0 ? SENTENCES.forgiven : SENTENCES.regretted),
      { p: good, b: bad },
      random,
    );
    const rest = good2 ?? bad2;
    return rest ? `${both} Also, ${clauseOf(rest, random)}.` : both;
  }
  const last = good3 ?? bad3;
  const tail = last ? ` And ${clauseOf(last, random)}.` : "";
  if (good && good2) return fill(random.pick(SENTENCES.praises), { p: good, q: good2 }, random) + tail;
  if (bad && bad2) return fill(random.pick(SENTENCES.blames), { b: bad, c: bad2 }, random) + tail;
  if (good) return fill(random.pick(SENTENCES.praise), { p: good }, random);
  return bad ? fill(random.pick(SENTENCES.blame), { b: bad }, random) : random.pick(SENTENCES.nothing);
}

/** Small letters are replaced by a point's clause, capitals by its noun. */
function fill(sentence: string, points: Readonly<Record<string, Point>>, random: Random): string {
  return sentence.replace(/\{([pqbc])\}/gi, (_, letter: string) => {
    const point = points[letter.toLowerCase()];
    if (point === undefined) return "";
    return letter === letter.toLowerCase() ? clauseOf(point, random) : random.pick(point.texts.nouns);
  });
}

function clauseOf({ texts, degree }: Point, random: Random): string {
  const { clauses } = texts;
  const fitting = degree === 2 ? clauses : clauses.filter((clause) => !clause.startsWith("!"));
  const clause = (fitting[random.int(fitting.length)] ?? clauses[0]).replace(/^!/, "");
  return clause.replace(/\{(\w+)\}/g, (whole, name: string) => DEGREES[name]?.[degree] ?? whole);
}

/** Inserts the subject's name, normalises spaces and capitalises every sentence. */
function finish(text: string, subject: string): string {
  return text
    .replaceAll("{subject}", subject)
    .replace(/ {2,}/g, " ")
    .replace(/ ([.,;:!])/g, "$1")
    .replace(/(^|[.!] )([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}
