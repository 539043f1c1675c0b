import type { SeededCiphertext } from "../../src/index.ts";

/** A fresh ciphertext as JSON holds it; bytes in base64. */
export type SeededText = { seed: string; streamIndex: number; ciphertext: number; packed: string };

export const toText = ({ seed, packed, ...place }: SeededCiphertext): SeededText => ({
  ...place,
  seed: Buffer.from(seed).toString("base64"),
  packed: Buffer.from(packed).toString("base64"),
});

export const fromText = ({ seed, packed, ...place }: SeededText): SeededCiphertext => ({
  ...place,
  seed: new Uint8Array(Buffer.from(seed, "base64")),
  packed: new Uint8Array(Buffer.from(packed, "base64")),
});
