/**
 * The heads that LAION published for OpenAI's CLIP towers: where they are, what they are called, and which tower each was trained
 * for. Data and names only.
 */

import { RocError } from "../../errors.js";

/** What stands on the embedding: one linear map, a chain of them, or a chain with ReLU between. */
export const HEAD_KINDS = ["linear", "mlp", "mlp-relu"] as const;
export type HeadKind = (typeof HEAD_KINDS)[number];

/** OpenAI's towers that heads were published for, as papers write them. */
export type TowerName = "ViT-L/14" | "ViT-B/32" | "ViT-B/16";

/** A published head. */
export interface PublishedHead {
  /** As `--head` takes it, with others of the same name for other towers. */
  readonly name: string;
  readonly tower: TowerName;
  readonly kind: HeadKind;
  /** What its authors call the file. */
  readonly file: string;
  /** Where the file is downloaded from. */
  readonly url: string;
  /** A repository on the hub that has the file; undefined: none that is known. */
  readonly repo?: string;
  /** Of the head, by its authors' repository. */
  readonly licence: string;
}

const V1 = "https://github.com/LAION-AI/aesthetic-predictor/raw/main/";
const V2 = "https://github.com/christophschuhmann/improved-aesthetic-predictor/raw/main/";

function first(tower: TowerName, letters: string): PublishedHead {
  const file = `sa_0_4_vit_${letters}_linear.pth`;
  return { name: "laion-v1", tower, kind: "linear", file, url: V1 + file, licence: "MIT" };
}

function second(name: string, kind: HeadKind, file: string): PublishedHead {
  const repo = "camenduru/improved-aesthetic-predictor";
  const url = V2 + encodeURIComponent(file);
  return { name, tower: "ViT-L/14", kind, file, url, repo, licence: "Apache-2.0" };
}

/** All that are known here. */
export const PUBLISHED_HEADS: readonly PublishedHead[] = [
  second("laion-v2", "mlp", "sac+logos+ava1-l14-linearMSE.pth"),
  second("laion-v2-ava", "mlp", "ava+logos-l14-linearMSE.pth"),
  second("laion-v2-ava-relu", "mlp-relu", "ava+logos-l14-reluMSE.pth"),
  first("ViT-L/14", "l_14"),
  first("ViT-B/32", "b_32"),
  first("ViT-B/16", "b_16"),
];

/** Names that `--head` takes. */
export const HEAD_NAMES: readonly string[] = [...new Set(PUBLISHED_HEADS.map(({ name }) => name))];

/**
 * The published head of a name for a tower of these sizes.
 *
 * @throws RocError USAGE for a name that is none, or of no head for this tower, naming those that are
 */
export function headFor(name: string, sizes: TowerSizes): PublishedHead {
  const tower = towerName(sizes);
  const named = PUBLISHED_HEADS.filter((head) => head.name === name);
  const known = HEAD_NAMES.join(", ");
  if (named.length === 0)
    throw new RocError("USAGE", `There is no file ${name}, and no published head of that name: known are ${known}.`);
  const found = named.find((head) => head.tower === tower);
  if (found) return found;
  const theirs = named.map((head) => head.tower).join(", ");
  const text = `${name} was trained on embeddings of ${theirs}, and this tower is ${tower ?? "none that OpenAI published"}`;
  throw new RocError("USAGE", `${text}. Take one of these towers, or give a head's file.`);
}

/** What tells OpenAI's towers apart: the width of their rows, and sides in pixels. */
export interface TowerSizes {
  readonly hiddenSize: number;
  readonly patchSize: number;
  readonly imageSize: number;
}

/** Whether a file has the name that LAION gave one of its heads. */
export function isPublishedHead(path: string): boolean {
  return PUBLISHED_HEADS.some(({ file }) => file === nameOf(path));
}

/**
 * The tower that a head's file name speaks of in a word of its own, as `sa_0_4_vit_b_32_linear.pth`; undefined: it says nothing of
 * it. That a batch of 64 is `b64` in the name says nothing: only towers that there are count.
 */
export function towerOfHead(path: string): string | undefined {
  const found = /(?:^|[^a-z\d])(?:(b)[_-]?(32|16)|(l)[_-]?(14))(?:[^a-z\d]|$)/i.exec(nameOf(path))?.filter(Boolean);
  return found ? `ViT-${(found[1] ?? "").toUpperCase()}/${found[2] ?? ""}` : undefined;
}

function nameOf(path: string): string {
  return path.replace(/^.*[/\\]/, "");
}

/** Widths of OpenAI's towers by their letter. */
const LETTERS: ReadonlyMap<number, string> = new Map([
  [768, "B"],
  [1024, "L"],
]);

/** What papers call a tower of these sizes, as "ViT-L/14" or "ViT-L/14@336px"; undefined: it is none of OpenAI's. */
export function towerName(sizes: TowerSizes): string | undefined {
  const letter = LETTERS.get(sizes.hiddenSize);
  if (letter === undefined) return undefined;
  const size = sizes.imageSize === 224 ? "" : `@${sizes.imageSize}px`;
  return `ViT-${letter}/${sizes.patchSize}${size}`;
}
