import { z } from "zod";
import type { Digest } from "../ids.ts";

/** 32 bytes as lower-case `0x` hex. */
export const digestSchema = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform((text) => text as Digest);

/** A stored object: SHA-256 of its bytes (`digestOfBytes`) and its size. The store's key is made from the digest. */
export const objectRefSchema = z.strictObject({
  digest: digestSchema,
  sizeBytes: z
    .int()
    .min(1)
    .max(2 ** 40),
});
export type ObjectRef = z.infer<typeof objectRefSchema>;
