import type { ExportedSpan } from "./read-spans.ts";

const colours: Readonly<Record<string, string>> = {
  access: "#3b6ea5",
  gateway: "#8a5a9e",
  orchestrator: "#c98a1b",
  "fhe-worker": "#3f8f5f",
  settlement: "#b5443c",
};

const rowPx = 15;
const labelPx = 430;
const plotPx = 820;
const topPx = 74;
const width = labelPx + plotPx + 110;

/** A span at its depth in the tree. */
type Row = { readonly span: ExportedSpan; readonly depth: number };

/** Draws a trace as a waterfall (SVG): a row a span, children below their parent, time to the right. */
export function drawTrace(spans: readonly ExportedSpan[], title: string): string {
  const rows = inTreeOrder(spans);
  const startMs = Math.min(...spans.map((span) => span.startMs));
  const endMs = Math.max(...spans.map((span) => span.endMs));
  const at = (ms: number): number => labelPx + ((ms - startMs) / (endMs - startMs)) * plotPx;
  const height = topPx + rows.length * rowPx + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="ui-sans-serif, system-ui, sans-serif" font-size="10.5">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(12, 22, title, { "font-size": "15", "font-weight": "600", fill: "#1c1c1c" }),
    legend(),
    axis(startMs, endMs, at, height),
    ...rows.map((row, index) => drawRow(row, topPx + index * rowPx, at)),
    "</svg>\n",
  ].join("\n");
}

function inTreeOrder(spans: readonly ExportedSpan[]): Row[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = Map.groupBy(spans, ({ parentSpanId }) =>
    parentSpanId !== undefined && ids.has(parentSpanId) ? parentSpanId : "",
  );
  const walk = (id: string, depth: number): Row[] =>
    (below.get(id) ?? [])
      .toSorted((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)
      .flatMap((span) => [{ span, depth }, ...walk(span.spanId, depth + 1)]);
  return walk("", 0);
}

function drawRow({ span, depth }: Row, y: number, at: (ms: number) => number): string {
  const { service, startMs, endMs } = span;
  const colour = colours[service] ?? "#666666";
  const x = at(startMs);
  const barPx = Math.max(1.5, at(endMs) - x);
  const middle = y + rowPx - 4;
  return [
    `<circle cx="${16 + depth * 12}" cy="${y + rowPx / 2}" r="3" fill="${colour}"/>`,
    text(24 + depth * 12, middle, shorten(labelOf(span), 64 - depth * 2), { fill: "#2b2b2b" }),
    `<rect x="${round(x)}" y="${y + 3}" width="${round(barPx)}" height="${rowPx - 6}" rx="1.5" fill="${colour}"/>`,
    text(x + barPx + 4, middle, milliseconds(endMs - startMs), { fill: "#6b6b6b", "font-size": "9.5" }),
  ].join("");
}

/** What happened, without the package of an rpc; how it ended, where that says more. */
function labelOf({ name, attributes }: ExportedSpan): string {
  const short = name.replace(/^cos\.\w+\.v1\./, "");
  const end = attributes["cos.change"] ?? attributes["cos.outcome"];
  return end === undefined || end === "OK" ? short : `${short} (${end})`;
}

function legend(): string {
  return Object.entries(colours)
    .map(([service, colour], index) => {
      const x = 14 + index * 104;
      return `<circle cx="${x}" cy="42" r="4" fill="${colour}"/>${text(x + 9, 46, service, { fill: "#2b2b2b" })}`;
    })
    .join("");
}

function axis(startMs: number, endMs: number, at: (ms: number) => number, height: number): string {
  const stepMs = niceStep((endMs - startMs) / 10);
  const ticks = Array.from(
    { length: Math.floor((endMs - startMs) / stepMs) + 1 },
    (_, index) => index * stepMs,
  );
  return ticks
    .map((offset) => {
      const x = round(at(startMs + offset));
      const line = `<line x1="${x}" x2="${x}" y1="${topPx - 6}" y2="${height - 10}" stroke="#e4e4e4"/>`;
      return line + text(x, topPx - 10, `${offset / 1000} s`, { fill: "#6b6b6b", "text-anchor": "middle" });
    })
    .join("");
}

/** The next of 1, 2, 5 times a power of ten, in milliseconds. */
function niceStep(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  return power * ([1, 2, 5].find((factor) => factor * power >= ms) ?? 10);
}

const milliseconds = (ms: number): string =>
  ms >= 1_000 ? `${(ms / 1_000).toFixed(2)} s` : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

const shorten = (label: string, most: number): string =>
  label.length <= most ? label : `${label.slice(0, most - 1)}…`;

function text(x: number, y: number, content: string, attributes: Readonly<Record<string, string>>): string {
  const rest = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  return `<text x="${round(x)}" y="${round(y)}"${rest.join("")}>${escaped(content)}</text>`;
}

const escaped = (content: string): string =>
  content.replace(/[<>&]/g, (sign) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[sign] ?? "");

const round = (value: number): number => Math.round(value * 10) / 10;
