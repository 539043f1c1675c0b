import { fail } from "./chain-read-error.ts";

/** An object as a node sent it. */
export type Fields = Readonly<Record<string, unknown>>;

/** A hex field, in lower case so that equal ones compare equal. */
export function hexField(fields: Fields, name: string): string {
  const value = fields?.[name];
  return typeof value === "string" && /^0x[0-9a-f]*$/i.test(value)
    ? value.toLowerCase()
    : fail("FIELD_MISSING");
}

/** A hash: exactly 32 bytes. */
export function hashField(fields: Fields, name: string): string {
  const value = hexField(fields, name);
  return value.length === 66 ? value : fail("FIELD_MISSING");
}

/** A quantity that fits a double exactly. */
export function numberField(fields: Fields, name: string): number {
  const value = hexField(fields, name);
  const number = Number(value);
  return value !== "0x" && Number.isSafeInteger(number) ? number : fail("FIELD_MISSING");
}

export function listField(fields: Fields, name: string): readonly unknown[] {
  const value = fields?.[name];
  return Array.isArray(value) ? value : fail("FIELD_MISSING");
}

/** A list of objects. */
export const objectsField = (fields: Fields, name: string): readonly Fields[] =>
  listField(fields, name).map((each) =>
    typeof each === "object" && each !== null ? (each as Fields) : fail("FIELD_MISSING"),
  );
