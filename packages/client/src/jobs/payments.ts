import { eventOf } from "../chain/cos-chain.ts";
import type { CosClient } from "../cos-client.ts";
import type { Account } from "../keystore/account.ts";
import { toBytes, toHex } from "../wire/hex.ts";
import { orFail } from "../wire/rpc-failure.ts";

export type Payment = {
  readonly permitId: string;
  readonly kind: string;
  /** Signed, in the token's smallest unit. */
  readonly amount: string;
  readonly token: string;
  /** Unix seconds. */
  readonly blockTime: number;
  readonly transaction: string;
};

export type Statement = {
  readonly lines: readonly Payment[];
  /** What may be withdrawn now. */
  readonly balances: readonly { token: string; amount: string }[];
};

/** What an account paid, earned and was refunded, from the mirrored chain. */
export async function readStatement(client: CosClient, address: string): Promise<Statement> {
  const answer = await orFail(client.services.settlement.getStatement({ account: toBytes(address) }));
  return {
    lines: answer.lines.map((line) => ({
      permitId: toHex(line.permitId),
      kind: line.kind,
      amount: line.amount,
      token: toHex(line.token),
      blockTime: Number(line.blockTime),
      transaction: toHex(line.transactionHash),
    })),
    balances: answer.balances.map(({ token, amount }) => ({ token: toHex(token), amount })),
  };
}

/** Takes out what `Settlement` owes the account (pull payment). @throws NOTHING_TO_WITHDRAW */
export async function withdrawBalance(
  client: CosClient,
  account: Account,
  token: string,
  to: string = account.address,
): Promise<{ token: string; amount: string; to: string; transaction: string }> {
  const sent = await client.chain.send(account, "Settlement", "withdraw", [token, to]);
  return { token, to, amount: eventOf(sent, "Withdrawn").amount.toString(), transaction: sent.hash };
}
