import { z } from "zod";

/** An institution's account as its file has it. It holds no signing key; `sealed` is the key that opens releases, if that is here. */
export const institutionFile = z.strictObject({
  format: z.literal("cos-institution-account/1"),
  name: z.string(),
  address: z.string(),
  recipient: z.string().startsWith("age1pq1"),
  issuer: z.url(),
  signer: z.strictObject({ url: z.url(), keyId: z.string().min(1), tokenFile: z.string().nullable() }),
  sealed: z.base64().nullable(),
});
export type InstitutionFile = z.infer<typeof institutionFile>;
