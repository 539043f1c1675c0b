import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { openWithIdentity } from "../keystore/age-seal.ts";
import { parsePackage, type ReleasePackage, releaseCommitmentOf } from "./release-package.ts";

/** Opens a release with the grantee's own key and checks that it is the one that stands on chain. */
export async function receiveRelease(
  client: CosClient,
  grantee: Account,
  sealed: Uint8Array,
): Promise<ReleasePackage & { readonly transaction: string }> {
  const opened = await openWithIdentity(sealed, await grantee.releaseKey());
  if (!opened.ok) {
    throw new CosFailure(
      "refused",
      "NOT_FOR_THIS_KEY",
      "the release is not sealed to this account, or was changed",
      {
        hint: "choose the account that asked for access with --account",
      },
    );
  }
  const release = parsePackage(Buffer.from(opened.value).toString("utf8"));
  const logged = await client.chain.findEvents("JobPermits", "JobReleased", [
    release.permitId,
    release.datasetId,
  ]);
  const commitment = releaseCommitmentOf(release);
  const match = logged.find(({ args }) => args.releaseCommitment === commitment);
  if (match !== undefined) return { ...release, transaction: match.transaction };
  throw new CosFailure("integrity", "RELEASE_NOT_ON_CHAIN", "the chain holds no such release", {
    facts: { permitId: release.permitId, commitment },
    hint: "do not rely on it; ask the owner",
  });
}
