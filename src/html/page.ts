/** The frame of every page: one self-contained file without fonts or network access, and without scripts but its own. */
import { createHash } from "node:crypto";
import { html, Markup, type Content } from "./markup.js";
import { STYLE } from "./style.js";

/** A part of a page under its own heading. */
export interface Section {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly body: Content;
}

export interface PageOptions {
  readonly title: string;
  /** Below the title. */
  readonly header: Content;
  readonly sections: readonly Section[];
  /** List the sections in the header, as links. */
  readonly contents?: boolean;
  readonly footer?: Content;
  /** Text of the one script that the page may run, at its end. Default: it runs none. */
  readonly script?: string;
}

/** The page as the text of an HTML file. */
export function page({ title, header, sections, contents = false, footer, script }: PageOptions): string {
  const whole = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; img-src data:; style-src 'unsafe-inline'${allowance(script)}"
        />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          ${header}${contents && contentsOf(sections)}
        </header>
        <main>
          ${sections.map(
            ({ id, title: name, body }) =>
              html`<section aria-labelledby="${id}">
                <h2 id="${id}">${name}</h2>
                ${body}
              </section> `,
          )}
        </main>
        ${footer !== undefined && html`<footer>${footer}</footer>`}${script !== undefined && new Markup(`<script>${script}</script>`)}
      </body>
    </html> `;
  return whole.text;
}

/** What the policy says of a script: that one, by its hash, and no other. */
function allowance(script: string | undefined): Markup {
  if (script === undefined) return new Markup("");
  return new Markup(`; script-src 'sha256-${createHash("sha256").update(script).digest("base64")}'`);
}

function contentsOf(sections: readonly Section[]): Markup {
  return html`<nav aria-label="Sections">
    <ul>
      ${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}
    </ul>
  </nav>`;
}
