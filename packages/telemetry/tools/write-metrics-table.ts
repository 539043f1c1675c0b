import { readFile, writeFile } from "node:fs/promises";
import { metrics } from "../src/metrics.ts";
import { metricsTable } from "../src/metrics-table.ts";

/** Writes the table of metrics into `docs/telemetry.md`, between its two marks. */
const file = new URL("../../../docs/telemetry.md", import.meta.url);
const [begin, end] = ["<!-- metrics: written by npm run docs:metrics -->", "<!-- end of metrics -->"];
const text = await readFile(file, "utf8");
const [head, rest] = text.split(begin);
const tail = rest?.split(end)[1];
if (head === undefined || tail === undefined) throw new Error("docs/telemetry.md has lost its marks");
await writeFile(file, `${head}${begin}\n\n${metricsTable(Object.values(metrics))}\n\n${end}${tail}`);
