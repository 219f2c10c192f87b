/** Pages, bars and columns: escaped, with names for those who do not see them, and within their scale. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bars, columns, columnsChart, html, intervalChart, page, short } from "../../src/html/index.js";

test("a page has the frame, its sections and links to them where asked, all escaped", () => {
  const sections = [{ id: "one", title: "A & B", body: html`<p>${"<i>"}</p>` }];
  const plain = page({ title: "<T>", header: "x < y", sections });
  assert.match(plain, /^<!doctype html>\s<html lang="en">/);
  assert.match(plain, /<title>&lt;T&gt;<\/title>/);
  assert.match(plain, /<h1>&lt;T&gt;<\/h1>\s+x &lt; y/);
  assert.match(plain, /<h2 id="one">A &amp; B<\/h2>\s+<p>&lt;i&gt;<\/p>/);
  assert.doesNotMatch(plain, /<script|<link|https?:|url\(|@import|href=|<footer|<nav/);
  const full = page({ title: "T", header: null, sections, contents: true, footer: "by us" });
  assert.match(full, /<li><a href="#one">A &amp; B<\/a><\/li>/);
  assert.match(full, /<footer>by us<\/footer>/);
});

test("the greatest count reaches the top, and each column tells its name and count", () => {
  const { text } = columns([0, 2, 4], { names: ["low", "<b>", "high"], height: 100, top: 10 });
  const heights = [...text.matchAll(/y="([\d.]+)" width="[\d.]+" height="([\d.]+)"/g)].map(([, y, tall]) => [y, tall]);
  assert.deepEqual(heights, [["110", "0"], ["60", "50"], ["10", "100"]]); // prettier-ignore
  assert.match(text, /<title>&lt;b&gt;: 2<\/title>/);
  assert.doesNotMatch(columns([0, 0], { names: ["a", "b"], height: 10 }).text, /NaN|Infinity/);
});

test("of many columns every second or third has its name below", () => {
  const names = Array.from({ length: 18 }, (_, i) => `n${i}`);
  const { text } = columnsChart(names.map(() => 1), names, 'Of "all"'); // prettier-ignore
  assert.match(text, /role="img" aria-label="Of &quot;all&quot;"/);
  assert.deepEqual([...text.matchAll(/<text[^>]*>(\w+)<\/text>/g)].map(([, name]) => name), names.filter((_, i) => i % 2 === 0)); // prettier-ignore
});

test("bars begin at 0 where the scale goes through it, else at its lower end", () => {
  const places = (min: number, value: number): string | undefined =>
    /class="(low|high)" style="([^"]+)"/
      .exec(bars([{ name: "a", value }], { min, max: 1 }).text)
      ?.slice(1)
      .join(" ");
  assert.equal(places(-1, 0.5), "high left:50%;width:25%");
  assert.equal(places(-1, -0.5), "low left:25%;width:25%");
  assert.equal(places(0, 0.5), "high left:0%;width:50%");
});

test("a chart of intervals stands by itself and keeps to its bounds", () => {
  const rows = [{ label: "head" }, { label: "a < b", interval: { value: 0.99, low: 0.98, high: 1 } }, { label: "none", interval: null }]; // prettier-ignore
  const svg = intervalChart({ title: "T", axis: "SRCC", rows, bounds: { min: -1, max: 1 } });
  assert.match(svg, /^<svg xmlns="[^"]+" viewBox/);
  assert.match(svg, /a &lt; b/);
  assert.match(svg, /not defined/);
  const ticks = [...svg.matchAll(/text-anchor="middle">([\d.]+)</g)].map(([, tick]) => Number(tick));
  assert.ok(ticks.length > 2 && Math.max(...ticks) <= 1, String(ticks));
});

test("a number is short, a missing one a dash", () => {
  assert.deepEqual([short(0.123456), short(1234567), short(null)], ["0.1235", "1235000", "–"]);
});
