/** One query: an expression, in which `$ns` stands for the matcher of the chosen namespaces, and its legend. */
export type Query = readonly [expr: string, legend: string];

export interface Panel {
  readonly title: string;
  /** What to see in it, for people who do not know it. */
  readonly about?: string;
  /** Grafana's name of the unit. */
  readonly unit: "s" | "bytes" | "Bps" | "short" | "cps" | "percentunit" | "d" | "bool" | "blocks" | "none";
  /** A line for each series over time, areas on each other, or the newest figure. */
  readonly kind?: "lines" | "stacked" | "figure";
  /** Of 24 columns. */
  readonly width?: 4 | 6 | 8 | 12 | 24;
  readonly queries: readonly Query[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

/** Grafana fills in which one. */
const datasource = { type: "prometheus", uid: `\${datasource}` };

/** The dashboard as Grafana reads it (schema 39, Grafana 10 and later). */
export function toGrafana({ uid, title, about, rows }: Dashboard): object {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { h: 1, w: 24, x: 0, y },
    });
    y += 1;
    let x = 0;
    let tallest = 0;
    for (const panel of row.panels) {
      const w = panel.width ?? 12;
      const h = panel.kind === "figure" ? 4 : 8;
      if (x + w > 24) {
        x = 0;
        y += tallest;
        tallest = 0;
      }
      panels.push(toPanel(panel, panels.length + 1, { h, w, x, y }));
      x += w;
      tallest = Math.max(tallest, h);
    }
    y += tallest;
  }
  return {
    uid,
    title,
    description: about,
    tags: ["cos"],
    editable: false,
    graphTooltip: 1,
    refresh: "30s",
    schemaVersion: 39,
    timezone: "browser",
    time: { from: "now-6h", to: "now" },
    templating: { list: variables },
    links: [
      {
        type: "dashboards",
        title: "COS",
        tags: ["cos"],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    panels,
  };
}

function toPanel(
  { title, about = "", unit, kind = "lines", queries }: Panel,
  id: number,
  gridPos: object,
): object {
  const stacked = kind === "stacked";
  return {
    id,
    type: kind === "figure" ? "stat" : "timeseries",
    title,
    description: about,
    datasource,
    gridPos,
    fieldConfig: {
      defaults: {
        unit: unit === "blocks" ? "none" : unit,
        min: 0,
        ...(kind === "figure"
          ? {}
          : {
              custom: {
                fillOpacity: stacked ? 40 : 8,
                showPoints: "never",
                stacking: { mode: stacked ? "normal" : "none" },
              },
            }),
      },
      overrides: [],
    },
    options:
      kind === "figure"
        ? { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "value", graphMode: "area" }
        : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: queries.map(([expr, legendFormat], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource,
      expr: expr.replaceAll("$ns", 'namespace=~"$namespace"'),
      legendFormat,
      range: true,
    })),
  };
}

const variables = [
  { name: "datasource", type: "datasource", query: "prometheus", label: "Prometheus" },
  {
    name: "namespace",
    type: "query",
    label: "Namespace",
    datasource,
    query: "label_values(cos_build_info, namespace)",
    definition: "label_values(cos_build_info, namespace)",
    refresh: 2,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  },
];

/** Quantile of a histogram's time over the chosen interval. @param by further labels to keep */
export const quantile = (share: number, metric: string, matchers = "", by = ""): string =>
  `histogram_quantile(${share}, sum by (le${by && `, ${by}`}) (rate(${metric}_bucket{$ns${matchers && `, ${matchers}`}}[$__rate_interval])))`;

/** Events in a second, by labels. */
export const rate = (metric: string, by: string, matchers = ""): string =>
  `sum by (${by}) (rate(${metric}{$ns${matchers && `, ${matchers}`}}[$__rate_interval]))`;

/** The highest of what several processes say of the same thing. */
export const most = (metric: string, by: string, matchers = ""): string =>
  `max by (${by}) (${metric}{$ns${matchers && `, ${matchers}`}})`;
