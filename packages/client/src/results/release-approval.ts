import { type Address, asAddress, digestSchema } from "@cos/protocol";
import { verifyTypedData } from "ethers";
import { z } from "zod";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";

const subjectSchema = z.strictObject({
  permitId: digestSchema,
  datasetId: z.string().regex(/^[1-9]\d{0,77}$/),
  class: z.enum(["controlled", "open-deposit", "lead-loci"]),
  /** SHA-256 of the table that the approver looked at. */
  tableDigest: digestSchema,
});
/** What a second person approves: exactly this table, of this class, for this permit. */
export type ApprovalSubject = z.infer<typeof subjectSchema>;

const approvalSchema = z.strictObject({
  format: z.literal("cos-release-approval/1"),
  subject: subjectSchema,
  approver: z.string(),
  signature: z.string(),
});
export type ReleaseApproval = z.infer<typeof approvalSchema>;

const types = {
  ReleaseApproval: [
    { name: "permitId", type: "bytes32" },
    { name: "datasetId", type: "uint256" },
    { name: "class", type: "string" },
    { name: "tableDigest", type: "bytes32" },
  ],
};
const domain = (chainId: number) => ({ name: "COS release", version: "1", chainId });

/** Signs an approval with the approver's own key. */
export async function approveRelease(
  chainId: number,
  approver: Account,
  subject: ApprovalSubject,
): Promise<ReleaseApproval> {
  const signature = await approver.wallet.signTypedData(domain(chainId), types, subject);
  return { format: "cos-release-approval/1", subject, approver: approver.address, signature };
}

export function parseApproval(text: string): ReleaseApproval {
  try {
    return approvalSchema.parse(JSON.parse(text));
  } catch {
    throw new CosFailure("usage", "APPROVAL_MALFORMED", "this is not an approval of a release", {
      hint: "the approver makes it with: cos result approve DRAFT --out FILE",
    });
  }
}

export function parseSubject(text: string): ApprovalSubject {
  try {
    return subjectSchema.parse(JSON.parse(text));
  } catch {
    throw new CosFailure("usage", "DRAFT_MALFORMED", "this is not a release's draft", {
      hint: "the owner makes it with: cos result release PERMIT --prepare DIR",
    });
  }
}

/** Who approved exactly this. @throws APPROVAL_MISMATCH */
export function approverOf(chainId: number, approval: ReleaseApproval, subject: ApprovalSubject): Address {
  const { signature, approver } = approval;
  const signed = recover(chainId, subject, signature);
  if (signed !== undefined && signed === approver.toLowerCase()) return signed;
  throw new CosFailure("refused", "APPROVAL_MISMATCH", "the approval is for another table, class or permit", {
    clause: 7,
    hint: "show the approver the present draft: cos result release PERMIT --prepare DIR",
  });
}

function recover(chainId: number, subject: ApprovalSubject, signature: string): Address | undefined {
  try {
    return asAddress(verifyTypedData(domain(chainId), types, subject, signature));
  } catch {
    return undefined;
  }
}
