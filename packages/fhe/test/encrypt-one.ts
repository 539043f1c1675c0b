import { digestOfJson, unwrap } from "@cos/protocol";
import {
  type Coefficients,
  contextOf,
  type Encryptor,
  newCoefficients,
  openBlock,
  type Profile,
  type SeededCiphertext,
} from "../src/index.ts";

/** One polynomial as the only ciphertext of a block of one row. */
export function encryptOne(
  encryptor: Encryptor,
  values: readonly number[],
  streamIndex = 0,
): SeededCiphertext {
  return encryptRows(encryptor, [values], streamIndex)[0] as SeededCiphertext;
}

/** Rows of one ciphertext each, in one block, from `firstIndex` on. */
export function encryptRows(
  encryptor: Encryptor,
  rows: readonly (readonly number[])[],
  firstIndex = 0,
): SeededCiphertext[] {
  const block = unwrap(openBlock(encryptBlock(encryptor, rows, firstIndex)));
  return rows.map((_, i) => unwrap(block.ciphertext(i, 0)));
}

/** The same as a block's bytes. */
export function encryptBlock(
  encryptor: Encryptor,
  rows: readonly (readonly number[])[],
  firstIndex = 0,
): Uint8Array {
  const writer = encryptor.beginBlock({
    context: contextOf(encryptor.profile, digestOfJson("a key for tests")),
    label: { array: "test", segment: "s1", variantBlock: null, rowBlock: 0 },
    ciphertextsPerRow: 1,
    streamIndexes: Uint32Array.from(rows, (_, i) => firstIndex + i),
  });
  const bytes = new Uint8Array(writer.sizeBytes);
  bytes.set(writer.head);
  for (const [i, row] of rows.entries()) {
    const at = writer.head.length + i * writer.rowStride;
    writer.encryptRow(coefficientsOf(encryptor.profile, row), bytes.subarray(at, at + writer.rowStride));
  }
  writer.finish();
  return bytes;
}

/** Coefficients in the kind of array that the profile needs. */
export function coefficientsOf(profile: Profile, values: readonly number[]): Coefficients {
  const coefficients = newCoefficients(profile, values.length);
  coefficients.set(values);
  return coefficients;
}
