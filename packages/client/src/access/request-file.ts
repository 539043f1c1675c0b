import { randomBytes } from "node:crypto";
import { canonicalJson, digestOfBytes, digestSchema, purposeSchema } from "@cos/protocol";
import { z } from "zod";
import { CosFailure } from "../failure.ts";
import { isHybridRecipient } from "../keystore/age-seal.ts";

const requestDocument = z.strictObject({
  format: z.literal("cos-access-request/1"),
  purpose: purposeSchema,
  /** What releases are sealed to: the grantee's hybrid X25519 + ML-KEM-768 recipient. */
  recipient: z.string().refine(isHybridRecipient, "an age1pq1 recipient"),
  outputTerms: z.strictObject({
    allowReencrypt: z.boolean(),
    allowMultiKey: z.boolean(),
    documentHash: digestSchema,
  }),
  /** So that nobody can guess the document behind the digest on chain. */
  salt: digestSchema,
});
/** What a grantee sends the owner beside the request on chain, which holds only this document's digest. */
export type RequestDocument = z.infer<typeof requestDocument>;

export const makeRequestDocument = (
  parts: Pick<RequestDocument, "purpose" | "recipient" | "outputTerms">,
): RequestDocument =>
  requestDocument.parse({
    format: "cos-access-request/1",
    ...parts,
    salt: `0x${randomBytes(32).toString("hex")}`,
  });

const bytesOf = (document: RequestDocument): Uint8Array => new TextEncoder().encode(canonicalJson(document));

/** What the chain holds of the document. */
export const requestUri = (document: RequestDocument): string =>
  `cos-object:${digestOfBytes(bytesOf(document)).slice(2)}`;

export const requestFileText = (document: RequestDocument): string => `${canonicalJson(document)}\n`;

/** Reads a request file of unknown origin. */
export function parseRequestDocument(text: string): RequestDocument {
  try {
    return requestDocument.parse(JSON.parse(text));
  } catch {
    throw new CosFailure("usage", "REQUEST_FILE_MALFORMED", "this is not an access request's file", {
      hint: "the grantee makes it with: cos access request … --out FILE",
    });
  }
}
