import { randomBytes } from "node:crypto";
import { digestOfJson } from "@cos/protocol";
import { eventOf } from "../chain/cos-chain.ts";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";

export type Identity = { readonly sbtId: string; readonly transaction: string | null };

/** The identity of an address; undefined when it has none. */
export async function identityOf(client: CosClient, address: string): Promise<string | undefined> {
  const sbtId = await client.chain.read<bigint>("IdentitySBT", "sbtOf", [address]);
  return sbtId === 0n ? undefined : sbtId.toString();
}

/** The identity of an account, minted when there is none. The commitment is salted and the salt is not kept: it names nobody. */
export async function ensureIdentity(client: CosClient, account: Account): Promise<Identity> {
  const known = await identityOf(client, account.address);
  if (known !== undefined) return { sbtId: known, transaction: null };
  const salt = `0x${randomBytes(32).toString("hex")}`;
  const commitment = digestOfJson({
    did: `did:pkh:eip155:${client.platform.chain.chainId}:${account.address}`,
    salt,
  });
  const sent = await client.chain.send(account, "IdentitySBT", "mint", [commitment]);
  return { sbtId: eventOf(sent, "IdentityMinted").sbtId.toString(), transaction: sent.hash };
}

/** @throws NO_IDENTITY (clause 1) */
export async function requireIdentity(client: CosClient, address: string): Promise<string> {
  const sbtId = await identityOf(client, address);
  if (sbtId !== undefined) return sbtId;
  throw new CosFailure("refused", "NO_IDENTITY", "this account has no identity on the chain", {
    clause: 1,
    facts: { address },
    hint: "mint one with `cos keys identity`",
  });
}
