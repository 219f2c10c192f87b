/** HTML and SVG as tagged templates: inserted values are escaped, unless they are Markup. */

/** Text for HTML. */
function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** Finished markup. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What a template may contain; `false`, null and undefined produce nothing. */
export type Content = Markup | string | number | false | null | undefined | readonly Content[];

/** Markup from a template. */
export function html(texts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  // Indented as code; the page does not need that.
  const plain = texts.map((text) => text.replace(/\n\s+/g, "\n"));
  return new Markup(plain.map((text, i) => text + (i < contents.length ? textOf(contents[i]) : "")).join(""));
}

function textOf(content: Content): string {
  if (content === undefined || content === null || content === false) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "string" || typeof content === "number") return escapeHtml(String(content));
  return content.map(textOf).join("");
}

/** A figure with that many decimals; a dash where it is not defined. */
export function decimals(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

/** A number on a scale, in short form; a dash where there is none. */
export function short(value: number | null): string {
  return value === null ? "–" : String(Number(value.toPrecision(4)));
}

export interface TableOptions {
  /** What the table shows, for screen readers. */
  readonly label: string;
  readonly head: readonly string[];
  /** The first value of each row is its name. */
  readonly rows: readonly (readonly Content[])[];
}

/** A table that scrolls horizontally where it is wider than the page. */
export function table({ label, head, rows }: TableOptions): Markup {
  return html`<div class="wide" role="region" aria-label="${label}" tabindex="0">
    <table>
      <thead>
        <tr>
          ${head.map((name) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, ...values]) =>
            html`<tr>
              <th scope="row">${name}</th>
              ${values.map((value) => html`<td>${value}</td>`)}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}
