/** What the gallery does in a browser: sorts and filters its cards. The text of the page's only script. */

/** Each card has `data-` values by the names of the sorts; those without a value come last. */
export const SCRIPT = `"use strict";
const form = document.getElementById("controls"), list = document.getElementById("photos");
const shown = document.getElementById("shown"), cards = [...list.children];
const texts = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
const values = (card, key) => { const text = card.dataset[key]; return text === undefined || text === "" ? null : key === "name" || key === "taken" ? text : Number(text); };
const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
function apply() {
  const [key, order] = form.elements.sort.value.split(" "), sign = order === "down" ? -1 : 1;
  const words = form.elements.find.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const least = form.elements.least.value === "" ? -Infinity : Number(form.elements.least.value);
  const sorted = cards.map((card, i) => [values(card, key), i, card]).sort(([a, i], [b, j]) =>
    a === null || b === null ? (a === null) - (b === null) || i - j : sign * compare(a, b) || i - j);
  let count = 0;
  for (const [, , card] of sorted) {
    card.hidden = Number(card.dataset.score) < least || words.some((word) => !texts.get(card).includes(word));
    if (!card.hidden) count++;
  }
  list.append(...sorted.map(([, , card]) => card));
  shown.textContent = count + (count === 1 ? " photo" : " photos") + (count < cards.length ? " of " + cards.length : "");
}
form.addEventListener("input", apply);
form.addEventListener("reset", () => setTimeout(apply));
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
apply();`;
