import { readFileSync, writeFileSync } from "node:fs";
import { jobDiagram } from "../src/domain/job-diagram.ts";

/** Writes the job state machine into the service's README, between its two markers. */
const readme = new URL("../README.md", import.meta.url);
const [start, end] = ["<!-- job states: drawn -->\n", "<!-- job states: end -->"];
const text = readFileSync(readme, "utf8");
const head = text.slice(0, text.indexOf(start) + start.length);
writeFileSync(readme, `${head}\n${jobDiagram()}\n${text.slice(text.indexOf(end))}`);
