import { scaleLinear } from "d3-scale";
import { minusLog10 } from "./manhattan-plot.ts";
import { dots, frame, px, svg, yAxis } from "./plot-frame.ts";
import type { AssociationPoint } from "./report-data.ts";

/** Observed against expected quantiles of P under the uniform null: the i-th of n at (i - 1/2) / n. */
export function qqPlot(points: readonly AssociationPoint[]): string {
  const observed = points
    .flatMap(({ p }) => (p === null ? [] : [p]))
    .sort((a, b) => a - b)
    .map(minusLog10);
  const expected = observed.map((_, index) => minusLog10((index + 0.5) / observed.length));
  const x = scaleLinear([0, Math.max(1, expected[0] ?? 1) * 1.04], [frame.left, frame.width - frame.right]);
  const y = scaleLinear([0, Math.max(1, observed[0] ?? 1) * 1.04], [frame.height - frame.bottom, frame.top]);
  const most = Math.min(x.domain()[1] ?? 1, y.domain()[1] ?? 1);
  const diagonal = `<line class="threshold" x1="${px(x(0))}" y1="${px(y(0))}" x2="${px(x(most))}" y2="${px(y(most))}"/>`;
  const ticks = x
    .ticks(6)
    .map(
      (tick) =>
        `<text class="tick" x="${px(x(tick))}" y="${frame.height - 18}" text-anchor="middle">${tick}</text>`,
    );
  const label = `<text class="label" x="${frame.width / 2}" y="${frame.height - 3}" text-anchor="middle">expected −log₁₀ P</text>`;
  const places = observed.map((value, index) => [x(expected[index] ?? 0), y(value)] as const);
  return svg(
    "QQ plot",
    `${yAxis(y)}${diagonal}${ticks.join("")}${label}<path class="dots even" d="${dots(places)}"/>`,
  );
}
