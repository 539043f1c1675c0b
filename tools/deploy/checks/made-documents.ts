import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chartDocuments } from "../values/documents.ts";
import { readValuesDocs } from "../values/values-docs.ts";

/** What is made out of other files is as it would be made now, and every value says what it means. @returns the faults */
export async function madeDocuments(chart: string): Promise<string[]> {
  const faults: string[] = [];
  for (const [name, text] of await chartDocuments(chart)) {
    if ((await readFile(join(chart, name), "utf8")) !== text)
      faults.push(`${name} is out of step: npm run docs:chart`);
  }
  for (const { path, meaning } of readValuesDocs(await readFile(join(chart, "values.yaml"), "utf8"))) {
    if (meaning === "") faults.push(`values.yaml says nothing about ${path}`);
  }
  return faults;
}
