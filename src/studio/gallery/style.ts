/** How the gallery looks: light and dark, from a phone to a wide screen. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #5c636b; --paper: #f5f6f8; --card: #fff; --line: #dde1e6;
  --track: #e9ecef; --votes: #3e63dd; --high: #18794e; --low: #ce2c31; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ebee; --quiet: #a5adb6; --paper: #0f1215; --card: #181c21;
  --line: #30363d; --track: #272d34; --votes: #849dff; --high: #3dd68c; --low: #ff9592; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 0; }
h4 { font-size: .85rem; font-weight: 600; margin: .8rem 0 .2rem; color: var(--quiet); } p { margin: .3rem 0; }
.quiet { color: var(--quiet); font-size: .9rem; } a { color: var(--votes); }
.facts { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .9rem; min-width: 0; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); align-items: start; }
.grid .card { padding: 0; overflow: hidden; } .grid .body { padding: .8rem .9rem 1rem; }
img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: var(--track); }
.top { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; }
.score { font-size: 1.35rem; font-weight: 650; white-space: nowrap; } .score small { font-size: .8rem; font-weight: 400; color: var(--quiet); }
svg { display: block; width: 100%; max-width: 26rem; height: auto; margin: .4rem auto 0; } svg rect { fill: var(--votes); } svg line { stroke: var(--line); }
svg text { fill: var(--quiet); font-size: 10px; }
blockquote { margin: .35rem 0; padding-left: .7rem; border-left: 3px solid var(--line); }
details { border-top: 1px solid var(--line); margin-top: .7rem; padding-top: .5rem; } summary { cursor: pointer; color: var(--quiet); }
summary:focus-visible { outline: 2px solid var(--votes); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; } th, td { text-align: right; padding: .12rem 0 .12rem .8rem; font-weight: 400; white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; } thead th { color: var(--quiet); border-bottom: 1px solid var(--line); }
.bars th { width: 38%; } .bars td:nth-child(2) { width: 100%; } .track { display: block; position: relative; height: .55rem; min-width: 4rem;
  border-radius: .3rem; background: var(--track); overflow: hidden; } .track i { position: absolute; top: 0; bottom: 0; border-radius: .3rem; background: var(--high); }
.track i.low { background: var(--low); }
@media print { .card { break-inside: avoid; } }
`;
