/** What `cull` prints: a table per group with the counts, or JSON. */
import { withoutFile } from "../../errors.js";
import type { CulledFolder } from "../../library/culling/cull.js";
import type { CullGroup, PlannedPhoto } from "../../library/culling/plan.js";
import { formatValue } from "../shared/table.js";
import { padEnd, printable, textWidth } from "../shared/width.js";

/** The small judge of a cascade. */
export interface FirstJudge {
  readonly model: string;
  readonly scale: { readonly min: number; readonly max: number };
  /** Of the photos, that it let through. */
  readonly share: number;
  /** Photos whose score is its. */
  readonly alone: number;
}

/** A folder that is culled. */
export interface Culled extends CulledFolder {
  /** From the root. */
  readonly folder: string;
  readonly library: string;
  readonly model: string;
  /** The taste whose scores these are; undefined: the model's own. */
  readonly taste: string | undefined;
  readonly scale: { readonly min: number; readonly max: number };
  /** Who looked first, and at how many alone; undefined: one judge looked at all. */
  readonly first: FirstJudge | undefined;
  /** Folders that could not be looked into. */
  readonly lost: number;
  /** Sidecars that were written; undefined in a dry run. */
  written: number | undefined;
  /** The undo file, where something was written. */
  undo: string | undefined;
}

/** The plan, and what was written, as plain JSON. */
export function cullJson(culled: Culled): Record<string, unknown> {
  const { folder, library, model, taste, scale, first, plan, sidecars, failures, written, undo } = culled;
  const photos = new Map(plan.photos.map((photo) => [photo.file, photo]));
  return {
    ...{ folder, library, model, ...(taste !== undefined && { taste }), scale: { min: scale.min, max: scale.max } },
    ...(first && { first }),
    counts: countsOf(culled),
    groups: plan.groups.map(({ kind, photos: members }) => ({
      kind,
      photos: members.map(({ file, best, kept }) => {
        const { score, first: isFirst } = photos.get(file) ?? {};
        return { file, score, ...(isFirst && { first: isFirst }), best, kept };
      }),
    })),
    photos: plan.photos.map((photo) => {
      const kept = sidecars.kept.get(photo.file);
      return { ...photo, ...(kept && { kept }) };
    }),
    failures: failures.map(({ file, error: { code, message } }) => ({ file, error: { code, message } })),
    sidecars: { planned: sidecars.writes.map(({ file }) => file), written: written ?? 0 },
    undo: undo ?? null,
  };
}

interface Counts {
  readonly photos: number;
  readonly groups: number;
  readonly grouped: number;
  readonly picked: number;
  readonly rejected: number;
  /** By number of stars. */
  readonly stars: Readonly<Record<string, number>>;
  readonly failed: number;
}

/** What stands in the sidecars afterwards is counted: not what a person's word stands against. */
function countsOf({ plan, failures, sidecars, given }: Culled): Counts {
  const failed = new Set(failures.map(({ file }) => file));
  const stands = (photo: PlannedPhoto, field: "pick" | "rating"): boolean =>
    !failed.has(photo.file) && !sidecars.kept.get(photo.file)?.includes(field);
  const marked = (photo: PlannedPhoto): string | undefined =>
    given.get(photo.file) ?? (stands(photo, "pick") ? photo.pick : undefined);
  const count = (has: (photo: PlannedPhoto) => boolean): number => plan.photos.filter(has).length;
  const byStars = [5, 4, 3, 2, 1].map(
    (stars) => [stars, count((photo) => photo.rating === stars && stands(photo, "rating"))] as const,
  );
  return {
    ...{ photos: plan.photos.length, groups: plan.groups.length, grouped: count(({ group }) => group !== undefined) },
    ...{ picked: count((photo) => marked(photo) === "pick"), rejected: count((photo) => marked(photo) === "reject") },
    stars: Object.fromEntries(byStars.filter(([, number]) => number > 0)),
    failed: failures.length,
  };
}

/** The same for a person. */
export function cullText(culled: Culled, dryRun: boolean): string {
  const { plan, failures } = culled;
  const photos = new Map(plan.photos.map((photo) => [photo.file, photo]));
  const lines = plan.groups.flatMap((group) => [...groupLines(group, photos, culled), ""]);
  const best = plan.photos.filter(({ rating }) => rating === 5).toSorted((a, b) => b.score - a.score);
  if (best.length > 0) lines.push("best of all", ...table(best.map((photo) => photoCells(photo, culled))), "");
  for (const { file, error } of failures)
    lines.push(`failed: ${printable(file)}: ${printable(withoutFile(error.message, file))} (${error.code})`);
  lines.push(...summaryLines(culled, dryRun));
  return `${lines.join("\n")}\n`;
}

const KINDS: Readonly<Record<CullGroup["kind"], string>> = {
  burst: "burst",
  bracket: "exposure bracket",
  copies: "one picture, saved",
};

/** In the place of a chance, of a judge that gives neither distributions nor spreads. */
const BY_SCORE = "by the score alone";

function groupLines(
  { kind, photos: members }: CullGroup,
  photos: ReadonlyMap<string, PlannedPhoto>,
  culled: Culled,
): string[] {
  const rows = members.map(({ file, best }) => {
    const photo = photos.get(file);
    return [
      ...(photo ? photoCells(photo, culled) : [file]),
      best === null ? BY_SCORE : `best with ${Math.round(100 * best)}%`,
    ];
  });
  const title = kind === "copies" ? `${KINDS[kind]} ${members.length} times` : `${KINDS[kind]} of ${members.length}`;
  return [title, ...table(rows)];
}

/** Name, what it gets, and its score. */
function photoCells(photo: PlannedPhoto, { folder, scale: second, first, sidecars }: Culled): string[] {
  const { file, pick, rating, score, std } = photo;
  const scale = photo.first && first ? first.scale : second;
  const name = file.startsWith(folder) ? file.slice(folder.length).replace(/^[/\\]+/, "") : file;
  const stars = rating === undefined ? "" : "*".repeat(rating);
  const kept = sidecars.kept.get(file);
  const note = kept ? ` (yours stays: ${kept.join(", ")})` : "";
  const spread = std === null ? "" : ` ± ${formatValue(std, scale)}`;
  const judge = photo.first ? " (first look)" : "";
  return [printable(name), `${pick ?? "-"} ${stars}`.trim() + note, `${formatValue(score, scale)}${spread}${judge}`];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => textWidth(row[column] ?? ""))));
  return rows.map((row) => `  ${row.map((cell, column) => padEnd(cell, widths[column] ?? 0)).join("  ")}`.trimEnd());
}

function summaryLines(culled: Culled, dryRun: boolean): string[] {
  const { photos, groups, grouped, picked, rejected, stars, failed } = countsOf(culled);
  const given = Object.entries(stars).toReversed();
  const starred = given.map(([number, count]) => `${number} stars: ${count}`).join(", ");
  const parts = [
    `${counted(photos, "photo")} by ${culled.taste === undefined ? "" : `the taste ${printable(culled.taste)} on `}${printable(culled.model)}`,
    `${grouped} in ${counted(groups, "group")}`,
  ];
  const verdicts = [`${picked} picked`, `${rejected} rejected`, ...(starred ? [starred] : [])];
  return [
    [...parts, ...verdicts, ...(failed > 0 ? [`${failed} failed`] : [])].join("; "),
    ...(culled.first ? [firstLine(culled.first, photos)] : []),
    ...outcomeLines(culled, dryRun),
  ];
}

function firstLine({ model, alone }: FirstJudge, photos: number): string {
  return `${alone} of ${counted(photos, "photo")} seen by ${printable(model)} alone: they have no stars, and its scores are on its own scale`;
}

function outcomeLines({ plan, sidecars, written = 0, undo }: Culled, dryRun: boolean): string[] {
  const { length } = sidecars.writes;
  if (plan.photos.length === 0) return ["nothing to write"];
  const yours = plan.photos.filter(({ file }) => sidecars.kept.has(file)).length;
  if (length === 0 && yours > 0)
    return [`nothing to write: what you gave ${counted(yours, "photo")} stays, and the sidecars say the rest`];
  if (length === 0) return ["nothing to write: the sidecars say all of it already"];
  if (dryRun) return [`${counted(length, "sidecar")} would be written; nothing was written (--dry-run)`];
  return [`${counted(written, "sidecar")} written; to undo: roc4mllm cull --undo ${printable(undo ?? "")}`];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
