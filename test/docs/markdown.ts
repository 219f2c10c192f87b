/** README.md and the pages of docs/: their blocks, links and headings. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support.js";

export interface Page {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** The file that it is to be written to, by a comment `<!-- file: NAME -->` in front of it. */
  readonly file?: string;
}

/** README.md, then all pages of docs/ by name. */
export function readPages(): Page[] {
  const names = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
  const paths = ["README.md", ...names.sort().map((name) => `docs/${name}`)];
  return paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

/** The fenced blocks of a page. */
export function blocksOf({ text }: Page): Block[] {
  return [...text.matchAll(/(?:<!-- file: (\S+) -->\n\n)?^```(\w*)\n([^]*?)^```$/gm)].map((found) => {
    const [whole, file, language = "", inside = ""] = found;
    const line = text.slice(0, found.index + whole.indexOf("```")).split("\n").length + 1;
    return { language, text: inside, line, ...(file !== undefined && { file }) };
  });
}

/** A page without its fenced blocks, whose lines are left empty. */
export function proseOf({ text }: Page): string {
  return text.replace(/^```[^]*?^```$/gm, (block) => block.replace(/[^\n]+/g, ""));
}

/** Targets of all links and pictures in the prose. */
export function linksOf(page: Page): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: Page): Set<string> {
  const headings = [...proseOf(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => heading);
  const slugs = headings.map(
    (heading) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-"), // prettier-ignore
  );
  return new Set(slugs.map((slug, at) => suffixed(slug, slugs.slice(0, at).filter((one) => one === slug).length)));
}

function suffixed(slug: string, before: number): string {
  return before === 0 ? slug : `${slug}-${before}`;
}
