import { randomBytes } from "node:crypto";
import { jobDocumentSchema } from "@cos/protocol";
import { z } from "zod";
import { addressPattern, amountText, digestSchema } from "./terms-schema.ts";

const count = z.int().min(0);

/** A permit's terms as the contract takes them, with JSON-safe values. Times are Unix seconds, windows seconds. */
export const permitTermsSchema = z.strictObject({
  grantIds: z.array(amountText).min(1).max(16),
  datasetIds: z.array(amountText).min(1).max(16),
  datasetVersions: z.array(z.int().min(1)).min(1).max(16),
  datasetRoots: z.array(digestSchema).min(1).max(16),
  algorithmId: digestSchema,
  purposeHash: digestSchema,
  paramsHash: digestSchema,
  grantee: addressPattern,
  operator: addressPattern,
  regionCode: digestSchema,
  expiry: count,
  challengeWindow: count,
  releaseWindow: count,
  feeToken: addressPattern,
  maxFee: amountText,
  epsilonMicro: amountText,
  deltaNano: amountText,
  exactReleases: count,
  replicas: z.int().min(0).max(255),
});
export type PermitTerms = z.infer<typeof permitTermsSchema>;

export const permitDraftSchema = z.strictObject({
  format: z.literal("cos-permit-draft/1"),
  chainId: z.int().min(1),
  jobPermits: addressPattern,
  terms: permitTermsSchema,
  nonce: amountText,
  /** The permit's id when the grantee issues it. */
  permitId: digestSchema,
  termsHash: digestSchema,
  /** For people: the program's name. */
  program: z.string(),
  /** The job's parameters and stated purpose, whose digests are in the terms. */
  job: jobDocumentSchema,
});
/** A permit before it is issued: what an owner looks at, and signs. */
export type PermitDraft = z.infer<typeof permitDraftSchema>;

export const authorisationSchema = z.strictObject({
  format: z.literal("cos-authorisation/1"),
  draft: permitDraftSchema,
  datasetId: amountText,
  /** Unix seconds, exclusive. */
  deadline: count,
  /** EIP-712 signature of the dataset's owner. */
  signature: z.string().regex(/^0x([0-9a-f]{2})+$/i),
});
/** An owner's word for one permit, as a file that the grantee relays. */
export type Authorisation = z.infer<typeof authorisationSchema>;

/** Any number; with the same issuer and terms it names the same permit. */
export const freshNonce = (): string => BigInt(`0x${randomBytes(16).toString("hex")}`).toString();
