/** The style of every page: light and dark, from a phone to a wide screen, and in print. */

/** Colours by purpose. */
export const LIGHT = {
  ink: "#1b1f24",
  quiet: "#5b636d",
  paper: "#f6f7f9",
  card: "#fff",
  line: "#dfe3e8",
  grid: "#eceff2",
  accent: "#2563eb",
  other: "#d9730d",
  third: "#0f8a7e",
  good: "#18794e",
  bad: "#b42318",
  "bad-paper": "#fef1ef",
} as const;

const DARK: Readonly<Record<keyof typeof LIGHT, string>> = {
  ink: "#e8eaed",
  quiet: "#a3abb5",
  paper: "#0f1216",
  card: "#181c22",
  line: "#303740",
  grid: "#262c34",
  accent: "#7aa2ff",
  other: "#f2a154",
  third: "#3fcfbf",
  good: "#3dd68c",
  bad: "#ff9b8f",
  "bad-paper": "#3a1c19",
};

function variables(colours: Readonly<Record<string, string>>): string {
  return Object.entries(colours)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(" ");
}

/** The one style sheet: what all pages share, then what the report, the label doctor and the gallery add. */
export const STYLE = `
:root { color-scheme: light dark; ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${variables(DARK)} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; } h3 { font-size: 1rem; margin: 0; }
h4 { font-size: .85rem; font-weight: 600; margin: .8rem 0 .2rem; color: var(--quiet); }
p { margin: .25rem 0; } .quiet { color: var(--quiet); } .good { color: var(--good); } .bad { color: var(--bad); }
ul { margin: .25rem 0; padding-left: 1.2rem; } li { overflow-wrap: anywhere; }
blockquote { margin: .35rem 0; padding-left: .7rem; border-left: 3px solid var(--line); }
a { color: var(--accent); } a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; margin: .75rem 0 0; }
.tiles { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(8.25rem, 1fr)); margin: 1.25rem 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .75rem; }
.tiles dt { color: var(--quiet); font-size: .85rem; } .tiles dd { margin: 0; font-size: 1.5rem; font-weight: 600; line-height: 1.3; }
.tiles dd + dd { font-size: .8rem; font-weight: 400; color: var(--quiet); }
.alert { background: var(--bad-paper); border: 1px solid var(--bad); border-radius: .6rem; padding: .7rem .9rem; margin-top: 1rem; }
.alert p { margin: 0; }
.charts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.charts > :last-child:nth-child(odd) { grid-column: 1 / -1; }
.charts.start { align-items: start; }
.beside { display: grid; gap: 1rem; align-items: start; }
@media (min-width: 60rem) { .beside { grid-template-columns: minmax(0, 25rem) minmax(0, 1fr); } }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem; margin: 0; min-width: 0; }
figcaption p { color: var(--quiet); font-size: .9rem; }
svg { display: block; width: 100%; height: auto; max-width: 38rem; margin: .4rem auto 0; }
svg text { fill: var(--quiet); font-size: 12px; } svg .label { fill: var(--ink); }
.axes line { stroke: var(--line); } .axes .grid { stroke: var(--grid); } .ring { fill: none; stroke: var(--line); }
.dots { stroke: var(--accent); stroke-width: 3.6; stroke-linecap: round; opacity: .55; fill: none; }
.density path { fill: var(--accent); opacity: .13; } .ideal { stroke: var(--ink); stroke-dasharray: 5 4; opacity: .6; }
.density + .dots { opacity: .3; stroke-width: 3; }
.curve { fill: none; stroke: var(--other); stroke-width: 2.2; stroke-linejoin: round; } .band { fill: var(--other); opacity: .16; }
.point { fill: var(--other); }
.truth { fill: var(--other); stroke: var(--other); fill-opacity: .28; stroke-width: 1.3; }
.prediction { fill: var(--accent); stroke: var(--accent); fill-opacity: .24; stroke-width: 1.3; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; list-style: none; padding: 0; margin: .3rem 0 0; font-size: .85rem; color: var(--quiet); }
.key { display: inline-block; width: 1.1em; height: .7em; margin-right: .4em; border-radius: 2px; }
.key.dot { width: .6em; height: .6em; border-radius: 50%; background: var(--accent); } .key.area { background: var(--accent); opacity: .4; }
.key.curve { height: 0; border-top: 2.5px solid var(--other); vertical-align: .25em; } .key.band { background: var(--other); opacity: .3; }
.key.ideal { width: 1.7em; height: 0; border-top: 2px dashed var(--ink); vertical-align: .25em; opacity: .7; }
.key.votes { height: 0; border-top: 2.5px solid var(--accent); vertical-align: .25em; } path.votes { stroke: var(--accent); } circle.votes { fill: var(--accent); }
.key.truth { background: var(--other); opacity: .6; } .key.prediction { background: var(--accent); opacity: .6; }
details { margin-top: .6rem; } summary { cursor: pointer; font-size: .9rem; color: var(--accent); }
.wide { overflow-x: auto; margin-top: .4rem; } table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .25rem 1rem .25rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); font-weight: 400; }
th:first-child { text-align: left; } tbody th { white-space: normal; min-width: 7rem; } thead th { color: var(--quiet); } td .quiet { display: block; font-size: .8em; margin-top: -.25em; }
.pictures { display: grid; gap: .75rem; grid-template-columns: repeat(2, minmax(0, 1fr)); list-style: none; padding: 0; margin: .4rem 0 1.25rem; }
@media (min-width: 36rem) { .pictures { grid-template-columns: repeat(4, minmax(0, 1fr)); } }
@media (min-width: 64rem) { .pictures { grid-template-columns: repeat(8, minmax(0, 1fr)); } }
.pictures li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
.pictures img, .no-picture { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--grid); }
.no-picture { display: grid; place-items: center; color: var(--quiet); font-size: .85rem; }
.pictures p { padding: .3rem .5rem .5rem; font-size: .8rem; line-height: 1.4; margin: 0; } .id, .said { overflow-wrap: anywhere; } .said { display: block; font-style: italic; margin-top: .25rem; }
.columns rect { fill: var(--accent); } .columns line { stroke: var(--line); }
svg.columns { max-width: 26rem; } svg.columns text { font-size: 16px; }
.columns .validation rect { fill: var(--third); } .columns .test rect { fill: var(--other); }
.bars { width: 100%; font-size: .85rem; } .bars th, .bars td { border: 0; padding: .12rem 0 .12rem .8rem; }
.bars tbody th { width: 38%; padding-left: 0; white-space: nowrap; } .bars td:nth-child(2) { width: 100%; }
.track { display: block; position: relative; height: .55rem; min-width: 4rem; border-radius: .3rem; background: var(--grid); overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; border-radius: .3rem; background: var(--good); } .track i.low { background: var(--bad); }
.gallery { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); align-items: start; }
.gallery .card { padding: 0; overflow: hidden; } .gallery .body { padding: .8rem .9rem 1rem; } .gallery .quiet { font-size: .9rem; }
.gallery img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: var(--grid); }
ul.gallery { list-style: none; padding: 0; margin: .75rem 0; } .gallery.photos { align-items: stretch; }
.photos > li { content-visibility: auto; contain-intrinsic-size: auto 30rem; } .photos > li[hidden] { display: none; }
.photos img, .photos .no-picture { aspect-ratio: 3 / 2; height: auto; } .photos .bars { margin: .2rem 0; } .photos h3 { overflow-wrap: anywhere; } .photos .top { flex-wrap: wrap; gap: 0 1rem; }
.photos a { display: block; outline-offset: -3px; } .photos blockquote { font-size: .9rem; } svg.ratings { height: 3rem; max-width: none; }
.ends { display: flex; justify-content: space-between; font-size: .75rem; line-height: 1.3; color: var(--quiet); margin: 0 0 .4rem; }
.controls { display: flex; flex-wrap: wrap; align-items: end; gap: .6rem .9rem; position: sticky; top: 0; z-index: 1; background: var(--paper); padding: .6rem 0; border-bottom: 1px solid var(--line); }
.controls[hidden] { display: none; } .controls label { display: grid; gap: .15rem; font-size: .8rem; color: var(--quiet); }
.controls select, .controls input, .controls button { font: inherit; font-size: 1rem; min-height: 44px; padding: .3rem .6rem; border: 1px solid var(--quiet); border-radius: .45rem; background: var(--card); color: var(--ink); max-width: 100%; }
.controls input[type=number] { width: 6.5rem; } .controls button { cursor: pointer; } .controls output { margin-left: auto; padding: .6rem 0; color: var(--quiet); }
.controls :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.top { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; }
.score { font-size: 1.35rem; font-weight: 650; white-space: nowrap; } .score small { font-size: .8rem; font-weight: 400; color: var(--quiet); }
.facts { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .2rem 1.2rem; margin: 0; font-size: .9rem; }
.facts dt { color: var(--quiet); } .facts dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
footer { padding: 2rem 1rem; color: var(--quiet); font-size: .85rem; }
@media (max-width: 30rem) { svg text { font-size: 14px; } .controls { position: static; } .controls label { flex: 1 1 8rem; } .controls input[type=number] { width: 100%; } }
@media print { .card, .pictures li { break-inside: avoid; } nav, .controls { display: none; } }
`;
