import { randomBytes, randomInt } from "node:crypto";
import { type Digest, digestOfJson } from "@cos/protocol";
import type { OwnerState } from "./owner-state.ts";

/** People placed into the rows of one segment, by a permutation drawn uniformly from the system's generator. */
export type SecretRows = {
  /** Who sits in which row: the owner's secret. */
  state: OwnerState["segments"][string];
  commitment: Digest;
};

/**
 * Draws a fresh permutation over real and empty rows alike (Fisher-Yates), and commits to it under a fresh salt.
 * @param firstRow stream index of the segment's first row
 */
export function drawRows(
  people: readonly { familyId: string; id: string }[],
  rowsPadded: number,
  firstRow: number,
): SecretRows {
  const personOfRow = Int32Array.from({ length: rowsPadded }, (_, i) => (i < people.length ? i : -1));
  for (let i = rowsPadded - 1; i > 0; i -= 1) {
    const j = randomInt(i + 1);
    const swapped = personOfRow[i] as number;
    personOfRow[i] = personOfRow[j] as number;
    personOfRow[j] = swapped;
  }
  const placed: [string, string, number][] = [];
  for (const [row, person] of personOfRow.entries()) {
    const each = people[person];
    if (each !== undefined) placed.push([each.familyId, each.id, firstRow + row]);
  }
  const state = { salt: randomBytes(32).toString("hex"), people: placed };
  return { state, commitment: commitToRows(state) };
}

/** What the manifest says about the secret map; with the salt gone it says nothing. */
export const commitToRows = (state: OwnerState["segments"][string]): Digest =>
  digestOfJson({ format: "cos-rows/1", ...state });

/** The published row count: the next multiple of 50 above the people, so that it says little about how many they are. */
export const defaultRowsPadded = (people: number): number => (Math.floor(people / 50) + 1) * 50;
