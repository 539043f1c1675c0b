import { scaleLinear } from "d3-scale";
import { escapeHtml } from "./escape-html.ts";
import { dots, frame, px, svg, yAxis } from "./plot-frame.ts";
import type { AssociationPoint } from "./report-data.ts";

/** P at which a genome-wide scan is called significant (Pe'er et al. 2008). */
export const genomeWide = 5e-8;

/** Draws every tested marker once, contigs side by side in the order given. Cost: linear in the points. */
export function manhattanPlot(points: readonly AssociationPoint[]): string {
  const contigs = layOut(points);
  const end = contigs.at(-1);
  const span = end ? end.start + end.length : 1;
  const highest = Math.max(8, ...points.map((point) => minusLog10(point.p)));
  const x = scaleLinear([0, span], [frame.left, frame.width - frame.right]);
  const y = scaleLinear([0, highest * 1.04], [frame.height - frame.bottom, frame.top]);
  const body = contigs.map(({ name, start, length, points: own }, index) => {
    const places = own
      .filter((point) => point.p !== null)
      .map((point) => [x(start + point.position), y(minusLog10(point.p))] as const);
    const label = `<text class="tick" x="${px(x(start + length / 2))}" y="${frame.height - 14}" text-anchor="middle">${escapeHtml(name)}</text>`;
    return `<path class="dots ${index % 2 === 0 ? "even" : "odd"}" d="${dots(places)}"/>${label}`;
  });
  const line = px(y(minusLog10(genomeWide)));
  const threshold = `<line class="threshold" x1="${frame.left}" x2="${frame.width - frame.right}" y1="${line}" y2="${line}"/>`;
  return svg("Manhattan plot", yAxis(y) + threshold + body.join(""));
}

type LaidOut = { name: string; start: number; length: number; points: AssociationPoint[] };

function layOut(points: readonly AssociationPoint[]): LaidOut[] {
  const byName = Map.groupBy(points, (point) => point.contig);
  const longest = [...byName.values()].map((own) =>
    own.reduce((most, { position }) => Math.max(most, position), 0),
  );
  const gap = longest.reduce((sum, length) => sum + length, 0) * 0.008;
  let start = 0;
  return [...byName].map(([name, own], index) => {
    const length = longest[index] ?? 0;
    const laid = { name, start, length, points: own };
    start += length + gap;
    return laid;
  });
}

/** 0 for a missing P, and P = 0 (below the smallest double) drawn at 320. */
export const minusLog10 = (p: number | null): number =>
  p === null ? 0 : p === 0 ? 320 : Math.max(0, -Math.log10(p));
