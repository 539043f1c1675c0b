import { ChainEvent } from "@cos/proto/chain";
import { asPermitId } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import type { ChainLog } from "./chain-log.ts";
import { balancesOf, toStatement } from "./statement.ts";

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const hex = (length: number, fill: number): string =>
  `0x${fill.toString(16).padStart(2, "0").repeat(length)}`;
const permitId = bytes(32, 9);
const bondKey = bytes(32, 10);
const [grantee, operator, author, owner, token] = [1, 2, 3, 4, 5].map((fill) => bytes(20, fill)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const locks = (key: string) => {
  const id = asPermitId(hex(32, 9));
  if (key === hex(32, 9)) return { permitId: id, isBond: false };
  return key === hex(32, 10) ? { permitId: id, isBond: true } : undefined;
};

let index = 0;
const log = (transaction: number, event: object): ChainLog => ({
  blockNumber: transaction,
  blockHash: hex(32, transaction),
  blockTime: 100 + transaction,
  transactionHash: hex(32, transaction),
  logIndex: index++,
  fact: ChainEvent.fromPartial({ event } as object).event as ChainLog["fact"],
});
const locked = (transaction: number, payer: Uint8Array, amount: string, key = permitId) =>
  log(transaction, { $case: "feeLocked", value: { key, payer, token, amount } });
const credited = (transaction: number, account: Uint8Array, amount: string, key = permitId) =>
  log(transaction, { $case: "credited", value: { key, account, token, amount } });

/** Fee 100 = compute 40 + author 10 + data 50. */
const paid: ChainLog[] = [
  locked(1, grantee, "100"),
  log(2, { $case: "jobAccepted", value: { permitId, computeShare: "40", authorShare: "10" } }),
  credited(2, operator, "40"),
  credited(2, author, "10"),
  log(3, { $case: "jobReleased", value: { permitId, dataShare: "50" } }),
  credited(3, owner, "50"),
  log(4, { $case: "withdrawn", value: { account: owner, token, to: owner, amount: "50" } }),
];
const short = (logs: readonly ChainLog[]) =>
  toStatement(logs, locks).map(({ account, kind, amount }) => `${account.slice(0, 4)} ${kind} ${amount}`);

describe("toStatement", () => {
  it("names every movement of a paid permit", () => {
    expect(short(paid)).toEqual([
      "0x01 fee-locked -100",
      "0x02 compute-share 40",
      "0x03 author-share 10",
      "0x04 data-share 50",
      "0x04 withdrawal -50",
    ]);
  });

  it("tells the work fee from the refund, also where nothing is due", () => {
    const refund = (transaction: number, workFee: string, refunded: string) =>
      log(transaction, { $case: "jobRefunded", value: { permitId, workFee, refunded } });
    const withWork = [refund(2, "15", "85"), credited(2, operator, "15"), credited(2, grantee, "85")];
    expect(short(withWork)).toEqual(["0x02 work-fee 15", "0x01 refund 85"]);
    expect(short([refund(3, "0", "100"), credited(3, grantee, "100")])).toEqual(["0x01 refund 100"]);
  });

  it("keeps equal shares apart by their order, and bonds by their lock", () => {
    const logs = [
      locked(1, owner, "7", bondKey),
      log(2, { $case: "jobAccepted", value: { permitId, computeShare: "5", authorShare: "5" } }),
      credited(2, operator, "5"),
      credited(2, operator, "5"),
      credited(2, operator, "7", bondKey),
    ];
    expect(short(logs)).toEqual([
      "0x04 bond-locked -7",
      "0x02 compute-share 5",
      "0x02 author-share 5",
      "0x02 bond 7",
    ]);
  });

  it("does not take a share from another transaction", () => {
    const accepted = log(2, {
      $case: "jobAccepted",
      value: { permitId, computeShare: "40", authorShare: "0" },
    });
    expect(short([accepted, credited(3, operator, "40")])).toEqual(["0x02 credit 40"]);
  });
});

it("balances what may be withdrawn: credits less withdrawals, locks apart", () => {
  const lines = toStatement(paid, locks);
  const of = (account: number) => balancesOf(lines.filter((line) => line.account === hex(20, account)));
  expect([...of(1).values()]).toEqual([]);
  expect([...of(2)]).toEqual([[hex(20, 5), 40n]]);
  expect([...of(4)]).toEqual([[hex(20, 5), 0n]]);
});
