/** `npm run docs:chart`: writes the chart's schema of values and the tables of its README. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chartFolder } from "./chart.ts";
import { chartDocuments } from "./values/documents.ts";

for (const [name, text] of await chartDocuments(chartFolder)) {
  await writeFile(join(chartFolder, name), text);
  console.log(`wrote ${name}`);
}
