import { digestSchema } from "@cos/protocol/object-ref";
import { z } from "zod";

/** What a reader takes; threads that only write do without it (`OwnerPool.encrypt`). */
export const blockHeaderSchema = z.strictObject({
  format: z.literal("cos-block/2"),
  profile: z.string().max(128),
  parameterDigest: digestSchema,
  contextDigest: digestSchema,
  ciphertextsPerRow: z.int().min(1).max(256),
  label: z.strictObject({
    array: z.string().max(128),
    segment: z.string().max(128),
    variantBlock: z.int().min(0).nullable(),
    rowBlock: z.int().min(0),
  }),
});
export type BlockHeader = z.infer<typeof blockHeaderSchema>;
