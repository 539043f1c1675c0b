import { type Address, asAddress, asPermitId, type PermitId } from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

export type LineKind =
  | "fee-locked"
  | "bond-locked"
  | "compute-share"
  | "author-share"
  | "data-share"
  | "work-fee"
  | "refund"
  | "bond"
  /** Out of a lock that a contract made which this deployment does not follow. */
  | "credit"
  | "withdrawal";

/** One movement of an account's money. Negative amounts left its hands or its balance. */
export type StatementLine = {
  readonly account: Address;
  readonly kind: LineKind;
  readonly amount: bigint;
  readonly token: Address;
  /** Undefined for withdrawals. */
  readonly permitId: PermitId | undefined;
  readonly blockTime: number;
  readonly transactionHash: string;
};

/**
 * Turns logs of the fee ledger, in block order, into statement lines. A credit names only a lock and an account; which
 * share it is follows from the permit's own log before it in the same transaction.
 *
 * @param permitOfLock the permit that a lock's key belongs to: the key itself, or the permit whose bond it is
 */
export function toStatement(
  logs: readonly ChainLog[],
  permitOfLock: (key: string) => { readonly permitId: PermitId; readonly isBond: boolean } | undefined,
): readonly StatementLine[] {
  const lines: StatementLine[] = [];
  let expected: ExpectedCredit[] = [];
  let transaction = "";
  for (const log of logs) {
    if (log.transactionHash !== transaction) {
      transaction = log.transactionHash;
      expected = [];
    }
    expected.push(...creditsAfter(log));
    const line = lineOf(log, expected, permitOfLock);
    if (line) lines.push(line);
  }
  return lines;
}

/** What the account may withdraw, by token: credits less withdrawals. Locks come from outside and are not of it. */
export function balancesOf(lines: readonly StatementLine[]): ReadonlyMap<Address, bigint> {
  const balances = new Map<Address, bigint>();
  for (const { kind, token, amount } of lines) {
    if (kind === "fee-locked" || kind === "bond-locked") continue;
    balances.set(token, (balances.get(token) ?? 0n) + amount);
  }
  return balances;
}

type ExpectedCredit = { readonly permitId: string; readonly kind: LineKind; readonly amount: bigint };

/** The credits that a permit's log brings in its transaction, in order; credits of nothing are not made. */
function creditsAfter({ fact }: ChainLog): ExpectedCredit[] {
  const credits = (id: Uint8Array, ...shares: [LineKind, string][]): ExpectedCredit[] =>
    shares
      .map(([kind, amount]) => ({ permitId: toHex(id), kind, amount: BigInt(amount) }))
      .filter(({ amount }) => amount !== 0n);
  switch (fact.$case) {
    case "jobAccepted":
      return credits(
        fact.value.permitId,
        ["compute-share", fact.value.computeShare],
        ["author-share", fact.value.authorShare],
      );
    case "jobReleased":
      return credits(fact.value.permitId, ["data-share", fact.value.dataShare]);
    case "jobLapsed":
      return credits(fact.value.permitId, ["refund", fact.value.refunded]);
    case "jobRefunded":
      return credits(fact.value.permitId, ["work-fee", fact.value.workFee], ["refund", fact.value.refunded]);
    default:
      return [];
  }
}

function lineOf(
  { fact, blockTime, transactionHash }: ChainLog,
  expected: ExpectedCredit[],
  permitOfLock: Parameters<typeof toStatement>[1],
): StatementLine | undefined {
  const at = { blockTime, transactionHash };
  if (fact.$case === "withdrawn") {
    const { account, token, amount } = fact.value;
    const whose = asAddress(toHex(account));
    const out = { kind: "withdrawal", amount: -BigInt(amount), token: asAddress(toHex(token)) } as const;
    return { ...at, ...out, account: whose, permitId: undefined };
  }
  if (fact.$case !== "feeLocked" && fact.$case !== "credited") return undefined;
  const lock = permitOfLock(toHex(fact.value.key));
  const token = asAddress(toHex(fact.value.token));
  const permitId = lock?.permitId ?? asPermitId(toHex(fact.value.key));
  if (fact.$case === "feeLocked") {
    const kind = lock?.isBond ? "bond-locked" : "fee-locked";
    const account = asAddress(toHex(fact.value.payer));
    return { ...at, account, kind, amount: -BigInt(fact.value.amount), token, permitId };
  }
  const account = asAddress(toHex(fact.value.account));
  const amount = BigInt(fact.value.amount);
  const kind = lock?.isBond ? "bond" : takeKind(expected, permitId, amount);
  return { ...at, account, kind, amount, token, permitId };
}

function takeKind(expected: ExpectedCredit[], permitId: string, amount: bigint): LineKind {
  const index = expected.findIndex((each) => each.permitId === permitId && each.amount === amount);
  const [taken] = index === -1 ? [] : expected.splice(index, 1);
  return taken?.kind ?? "credit";
}
