/** One style sheet, inside the page: the report is a single file that opens anywhere, on a phone too. */
export const styles = `
:root { color-scheme: light dark; --ink: #17212b; --soft: #5b6b7a; --line: #d9e0e6; --paper: #fff; --panel: #f5f8fa; --even: #1f5fa8; --odd: #7aa6d6; --good: #12734a; --warn: #a14a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9db0c0; --line: #2c3945; --paper: #10171e; --panel: #18222c; --even: #79b0ee; --odd: #3f6ea3; --good: #55c596; --warn: #f0a35e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1040px; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0.5rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; border-bottom: 1px solid var(--line); padding-bottom: 0.25rem; }
p { max-width: 46rem; } .soft { color: var(--soft); } .good { color: var(--good); } .warn { color: var(--warn); }
.badge { display: inline-block; padding: 0.1rem 0.55rem; border-radius: 1rem; border: 1px solid currentColor; font-size: 0.85rem; margin: 0 0.3rem 0.3rem 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.6rem; padding: 0; }
.facts div { background: var(--panel); border-radius: 0.5rem; padding: 0.6rem 0.8rem; } .facts dt { color: var(--soft); font-size: 0.82rem; } .facts dd { margin: 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.88rem; } th, td { text-align: left; padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--line); vertical-align: top; } th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } code { font-size: 0.85em; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; } .dots { fill: none; stroke-width: 4; stroke-linecap: round; } .even { stroke: var(--even); } .odd { stroke: var(--odd); }
.grid { stroke: var(--line); stroke-width: 1; } .threshold { stroke: var(--warn); stroke-width: 1; stroke-dasharray: 5 4; } .tick, .label { fill: var(--soft); font: 11px system-ui, sans-serif; }
nav a { margin-right: 0.9rem; } a { color: var(--even); }
td code { white-space: nowrap; }
details { margin: 0.5rem 0; } summary { cursor: pointer; padding: 0.5rem 0.7rem; background: var(--panel); border-radius: 0.4rem; }
@media (max-width: 600px) { .tick, .label { font-size: 19px; } .dots { stroke-width: 5; } }
@media print { h2 { break-after: avoid; } }
`;
