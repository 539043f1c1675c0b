import { escapeHtml } from "./escape-html.ts";
import { manhattanPlot } from "./manhattan-plot.ts";
import { qqPlot } from "./qq-plot.ts";
import type { ReportData } from "./report-data.ts";
import { styles } from "./styles.ts";

/** The whole report as one HTML document: no script, no request to anywhere. */
export function reportPage(data: ReportData): string {
  const sections: readonly [id: string, heading: string, body: string][] = [
    ["result", "Association, as the owner opened it", resultSection(data)],
    ["loci", "Top loci", lociTable(data)],
    ["release", "What the researcher received", releaseSection(data)],
    ["methods", "Methods", data.methods.map((text) => `<p>${escapeHtml(text)}</p>`).join("")],
    ["audit", "Audit trail, from request to settlement", auditTable(data)],
    ["money", "Money", moneyTable(data)],
    ["cost", "Time and bytes per stage", costTable(data)],
    ["left", "What left the hospital", leftTable(data)],
  ];
  const links = sections.map(([id, heading]) => `<a href="#${id}">${heading}</a>`).join(" ");
  const bodies = sections
    .map(([id, heading, body]) => `<section id="${id}"><h2>${heading}</h2>${body}</section>`)
    .join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(data.title)}</title><style>${styles}</style></head>
<body><header><h1>${escapeHtml(data.title)}</h1>${badges(data)}${facts(data)}<nav class="soft">${links}</nav></header>
${bodies}
</body></html>
`;
}

function badges({ cohort, check }: ReportData): string {
  const source = cohort.simulated
    ? `<span class="badge warn">simulated cohort</span>`
    : `<span class="badge">${escapeHtml(cohort.source)}</span>`;
  const counts = check.countsCompared.toLocaleString("en");
  const verdict = check.equal
    ? `<span class="badge good">${counts} opened counts equal the plaintext path</span>`
    : `<span class="badge warn">opened counts differ from the plaintext path</span>`;
  return `<p>${source}<span class="badge">unadjusted</span>${verdict}</p>`;
}

function facts({
  cohort,
  trait,
  lambda,
  totalSeconds,
  plaintextSeconds,
  peakMemoryBytes,
}: ReportData): string {
  const groups = cohort.groups.map(({ label, people }) => [label, people.toLocaleString("en")] as const);
  const rows: readonly (readonly [string, string])[] = [
    ["Trait", `${trait.name} (${trait.kind})`],
    ["N", cohort.people.toLocaleString("en")],
    ...groups,
    ["Markers", cohort.variants.toLocaleString("en")],
    ["Call rate", `${(cohort.callRate * 100).toFixed(2)} %`],
    ["Genomic inflation λ", lambdaText(lambda)],
    ["Encrypted, end to end", `${totalSeconds.toFixed(1)} s`],
    ["The same counts in plaintext", `${plaintextSeconds.toFixed(2)} s`],
    ["Peak memory", `${(peakMemoryBytes / 2 ** 30).toFixed(2)} GiB`],
  ];
  const cells = rows.map(
    ([term, value]) => `<div><dt>${escapeHtml(term)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<dl class="facts">${cells.join("")}</dl>`;
}

const lambdaText = (lambda: number | null): string => (lambda === null ? "not defined" : lambda.toFixed(3));

function resultSection(data: ReportData): string {
  return `<p>The tests are <strong>unadjusted</strong>: no covariates, no correction for relatedness or ancestry. λ = ${lambdaText(data.lambda)}.
The dashed line is P = 5 × 10⁻⁸.</p><div class="wide">${manhattanPlot(data.points)}</div>
<p class="soft">Quantiles of P against those expected if no marker mattered.</p><div class="wide">${qqPlot(data.points)}</div>`;
}

const table = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly number[] = [],
): string => {
  const cell = (tag: "td" | "th", html: string, index: number) =>
    `<${tag}${numeric.includes(index) ? ' class="number"' : ""}>${html}</${tag}>`;
  const body = rows
    .map((row) => `<tr>${row.map((html, index) => cell("td", html, index)).join("")}</tr>`)
    .join("");
  return `<div class="wide"><table><thead><tr>${head.map((text, index) => cell("th", text, index)).join("")}</tr></thead><tbody>${body}</tbody></table></div>`;
};

function lociTable({ topLoci, trait, cohort }: ReportData): string {
  const rows = topLoci.map((locus) => [
    `<code>${escapeHtml(locus.id)}</code>${locus.planted ? ' <span class="badge good">planted</span>' : ""}`,
    escapeHtml(locus.contig),
    locus.position.toLocaleString("en"),
    escapeHtml(locus.effect),
    escapeHtml(locus.statistic),
    escapeHtml(locus.p),
  ]);
  const effect = trait.kind === "binary" ? "OR" : "BETA";
  const statistic = trait.kind === "binary" ? "CHISQ" : "T";
  const note = cohort.simulated ? " Planted loci are the ones that the simulation gave an effect." : "";
  return `<p class="soft">The best marker in each window of a megabase.${note}</p>${table(["Marker", "Chr", "Position", effect, statistic, "P"], rows, [2, 3, 4, 5])}`;
}

function releaseSection({ release }: ReportData): string {
  if (release.tableDigest === undefined) {
    return `<p>Release class: <strong>${escapeHtml(release.class)}</strong>. Nothing was handed over: ${escapeHtml(release.refusal ?? "")}</p>`;
  }
  const suppressed = release.suppressed.map(
    ({ reason, rows }) =>
      `<li>${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"} kept back: ${escapeHtml(reason)}</li>`,
  );
  return `<p>Release class: <strong>${escapeHtml(release.class)}</strong>. ${release.released.toLocaleString("en")} rows were handed over, sealed to the researcher's key. SHA-256 of the table: <code>${escapeHtml(release.tableDigest)}</code></p>
<ul>${suppressed.length > 0 ? suppressed.join("") : "<li>No row was suppressed.</li>"}</ul>
<p class="soft">Rounding is formatting, not protection: what was released lets a reader rebuild allele counts of each group. The class says who may hold that.</p>`;
}

const shortHash = (hash: string): string =>
  `<code title="${escapeHtml(hash)}">${escapeHtml(`${hash.slice(0, 10)}…${hash.slice(-6)}`)}</code>`;

const utc = (unixSeconds: number): string => new Date(unixSeconds * 1000).toISOString().slice(11, 19);

function auditTable({ audit }: ReportData): string {
  const rows = audit.map((row) => [
    escapeHtml(row.step),
    escapeHtml(row.actor),
    `<code>${escapeHtml(row.event)}</code>`,
    String(row.blockNumber),
    utc(row.blockTime),
    shortHash(row.transactionHash),
  ]);
  return `<p class="soft">Read from the mirrored chain; full hashes are in <code>audit.json</code> and under each shortened one.</p>${table(["Step", "By", "Log", "Block", "UTC", "Transaction"], rows, [3])}`;
}

const moneyTable = ({ money }: ReportData): string =>
  table(
    ["Who", "What", "Amount"],
    money.map(({ who, what, amount }) => [escapeHtml(who), escapeHtml(what), escapeHtml(amount)]),
    [2],
  );

function costTable({ stages }: ReportData): string {
  const rows = stages.map(({ actor, name, seconds, bytes }) => [
    escapeHtml(actor),
    escapeHtml(name),
    `${seconds.toFixed(2)} s`,
    bytes === null ? "" : `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`,
  ]);
  return table(["By", "Stage", "Time", "Bytes"], rows, [2, 3]);
}

function leftTable({ left, leftSources }: ReportData): string {
  const sources = leftSources.map((text) => `<li>${escapeHtml(text)}</li>`).join("");
  const groups = [...Map.groupBy(left, (row) => row.where)].map(
    ([where, rows]) =>
      `<details${where === "object store" ? " open" : ""}><summary>${escapeHtml(where)}: ${rows.length} fields. Seen by: ${escapeHtml(rows[0]?.seenBy ?? "")}. Erased: ${escapeHtml(rows[0]?.erase ?? "")}</summary>${table(["Field", "Seen in", "What it says"], rows.map(leftCells))}</details>`,
  );
  return `<p>Every field that reached the chain, the object store, the services' calls, events and database, and their logs: not a list written by hand, but what was found there after this run. The secret key, genotypes, phenotypes, sample names and the row order are not among them.</p>
<ul class="soft">${sources}</ul>${groups.join("")}`;
}

const leftCells = ({ field, places, meaning }: ReportData["left"][number]): string[] => [
  `<code>${escapeHtml(field)}</code>`,
  placesCell(places),
  escapeHtml(meaning === "" ? "not described" : meaning),
];

const shownPlaces = 3;

/** The first few places; the rest under the pointer. */
function placesCell(places: readonly string[]): string {
  const more = places.length - shownPlaces;
  const shown = escapeHtml(places.slice(0, shownPlaces).join(", "));
  return more > 0 ? `<span title="${escapeHtml(places.join(", "))}">${shown} and ${more} more</span>` : shown;
}
