import type { ScaleLinear } from "d3-scale";

export const frame = { width: 960, height: 320, left: 46, right: 12, top: 12, bottom: 34 } as const;

/** Three decimals are far below a pixel; fewer bytes for thousands of points. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);

/** A dot at each place as one path: zero-length lines with round caps take a tenth of the bytes of circles. */
export const dots = (places: readonly (readonly [number, number])[]): string =>
  places.map(([x, y]) => `M${px(x)} ${px(y)}h0`).join("");

/** Ticks, labels and grid lines of the `-log10(P)` axis. */
export function yAxis(y: ScaleLinear<number, number>): string {
  const lines = y.ticks(6).map((tick) => {
    const at = px(y(tick));
    return `<line class="grid" x1="${frame.left}" x2="${frame.width - frame.right}" y1="${at}" y2="${at}"/><text class="tick" x="${frame.left - 6}" y="${at}" dy="0.32em" text-anchor="end">${tick}</text>`;
  });
  return `${lines.join("")}<text class="label" transform="translate(12 ${frame.height / 2}) rotate(-90)" text-anchor="middle">−log₁₀ P</text>`;
}

export const svg = (title: string, body: string): string =>
  `<svg viewBox="0 0 ${frame.width} ${frame.height}" role="img" aria-label="${title}"><title>${title}</title>${body}</svg>`;
