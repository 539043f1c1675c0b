import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { FieldSightings } from "./field-sightings.ts";

/** Every field of every line of the platform's log. @returns lines read */
export async function logSightings(logFile: string, sightings: FieldSightings): Promise<number> {
  let lines = 0;
  for await (const line of createInterface({ input: createReadStream(logFile) })) {
    if (line === "") continue;
    lines += 1;
    const fields = JSON.parse(line) as Record<string, unknown>;
    const place = `${String(fields.service ?? "platform")}: ${String(fields.event ?? "line")}`;
    for (const field of Object.keys(fields)) sightings.add("logs", field, place);
  }
  return lines;
}
