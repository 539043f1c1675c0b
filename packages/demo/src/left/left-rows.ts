import type { LeftRow } from "../report/report-data.ts";
import { describeField } from "./field-meanings.ts";
import type { LeftWhere, Sighting } from "./field-sightings.ts";

const readers: Readonly<Record<LeftWhere, string>> = {
  chain: "everybody who reads the chain",
  "object store": "operator (gateway, workers); others only with a ticket",
  "calls and events": "operator",
  "service database": "operator",
  logs: "operator",
};

const erasures: Readonly<Record<LeftWhere, string>> = {
  chain:
    "never; where it is a salted commitment, deleting the salt at home leaves a number that means nothing",
  "object store":
    "`cos dataset withdraw` deletes people's rows and old versions; destroying the key at home erases all of it",
  "calls and events": "ends with the call; events with the platform's folder (`cos down --purge`)",
  "service database": "`cos down --purge`; it is a copy of the chain and of the work's state",
  logs: "delete the log file",
};

/** The table of everything that left, for people. */
export const leftRows = (sightings: readonly Sighting[]): LeftRow[] =>
  sightings.map(({ where, field, places }) => {
    const { meaning, erase } = describeField(where, field);
    return { where, field, places, meaning, seenBy: readers[where], erase: erase ?? erasures[where] };
  });
