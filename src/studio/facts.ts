/** Facts of a composition that need no rendering: the subject, its setting, the hues, the theme. */
import { Random } from "../random.js";
import type { Composition, SceneName } from "./factors.js";
import { makeHues, type Hues, type Role } from "./palette.js";
import { SCENES } from "./scenes/index.js";
import type { SettingName, SubjectName } from "./scenes/stage.js";

interface SubjectFacts {
  /** Its name in comments. */
  readonly noun: string;
  /** Its description after "with" or "of". */
  readonly indefinite: string;
  /** Interest in [-1, 1], by definition of the studio. */
  readonly interest: number;
  /** Its theme in TAD66K's unmerged files. */
  readonly theme: string;
}

/** The subjects of all scenes. */
export const SUBJECTS: Readonly<Record<SubjectName, SubjectFacts>> = {
  tree: { noun: "the tree", indefinite: "a lone tree", interest: 0, theme: "tree" },
  cottage: { noun: "the cottage", indefinite: "a cottage in the meadow", interest: 0.3, theme: "rural" },
  vase: { noun: "the vase", indefinite: "a vase of flowers", interest: 0.4, theme: "flower" },
  bottle: { noun: "the bottle", indefinite: "a bottle and fruit", interest: 0, theme: "fruit" },
  cup: { noun: "the cup", indefinite: "a cup on its saucer", interest: -0.3, theme: "food" },
  sitter: { noun: "the sitter", indefinite: "a person", interest: 0.5, theme: "portrait" },
  tower: { noun: "the tower", indefinite: "a tower", interest: 0.1, theme: "tower" },
  hall: { noun: "the hall", indefinite: "a domed hall", interest: 0.3, theme: "building" },
  shapes: { noun: "the arrangement", indefinite: "discs and planes", interest: -0.2, theme: "abstract" },
};

/** PARA's scene classes (its column `semantic`). */
export const PARA_SCENES: Readonly<Record<SceneName, string>> = {
  landscape: "scene",
  "still-life": "still life",
  portrait: "portrait",
  architecture: "building",
  abstract: "others",
};

/** How comments name a setting. */
export const SETTINGS: Readonly<Record<SettingName, string>> = { foliage: "the leaves", bookcase: "the bookcase" };

/** The subject that will be drawn. */
export function subjectOf({ seed, index, scene }: Composition): SubjectName {
  return SCENES[scene].pickSubject(new Random(seed, index, "subject"));
}

/** The setting behind the subject, in scenes with several grounds. */
export function settingOf({ seed, index, scene }: Composition): SettingName | undefined {
  return SCENES[scene].pickSetting?.(new Random(seed, index, "ground"));
}

/** The hues of the palette, by role. */
export function huesOf({ seed, index, scene, merits }: Composition): Hues {
  const look = new Random(seed, index, "palette");
  const base = look.pick(SCENES[scene].hues) + look.uniform(-12, 12);
  return makeHues(base, merits.harmony ?? 1, look);
}

/** OKLCH hues in degrees at which a name ends and the next starts. */
const HUE_NAMES: readonly (readonly [number, string])[] = [
  ...([[20, "pink"], [45, "red"], [75, "orange"], [110, "yellow"], [160, "green"]] as const),
  ...([[205, "teal"], [275, "blue"], [325, "violet"], [360, "pink"]] as const),
]; // prettier-ignore

/** The name of a hue. @param hue degrees, OKLCH */
function hueName(hue: number): string {
  const turned = ((hue % 360) + 360) % 360;
  return HUE_NAMES.find(([end]) => turned < end)?.[1] ?? "pink";
}

/** The names of the hues of these roles. */
export function hueNames(composition: Composition, ...roles: readonly Role[]): string[] {
  const hues = huesOf(composition);
  return roles.map((role) => hueName(hues[role]));
}

/** Chroma factor of development: 0 = grey, 1 = natural, 3 = garish. */
export function chromaOf({ merits, sides }: Composition): number {
  const fault = 1 - (merits.saturation ?? 1);
  return sides.saturation === 0 ? 1 - fault : 1 + 2 * fault;
}
