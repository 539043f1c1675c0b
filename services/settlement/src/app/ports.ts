import type { BroadcastRefusal, Intent, SignedTransaction } from "@cos/chain";
import type { Address, Digest, JobOutcome, PermitId, Result } from "@cos/protocol";
import type { ChainLog } from "../domain/chain-log.ts";
import type { Refusal } from "../domain/judge-refusal.ts";
import type { OperatorCall } from "../domain/operator-call.ts";
import type { Doubt, PermitRecord } from "../domain/permit-record.ts";
import type { Use } from "../domain/use.ts";

/** A permit that may owe the chain a call. `revision` counts what was learnt about it. */
export type PermitRow = {
  readonly record: PermitRecord;
  readonly outcome: JobOutcome;
  /** A grant may have fallen: ask the chain. */
  readonly doubted: boolean;
  readonly revision: number;
};

/** An intent with what the sender needs beside it. `version` counts its changes: two leaders cannot both make one. */
export type IntentRow = {
  readonly businessId: string;
  readonly signer: Address;
  readonly call: OperatorCall;
  readonly intent: Intent;
  readonly version: number;
  /** Unix seconds before which simulating again is useless. */
  readonly notBefore: number;
  /** Facts of a refusal: the values of the contract's custom error. */
  readonly failureFacts: Readonly<Record<string, string>>;
};

/** A use that is waiting to be recorded, with its grant's terms. */
export type WaitingUse = Use & { readonly alone: boolean };

/** What settlement keeps. Every method runs in the transaction, if any, that the store was opened in. */
export interface SettlementStore {
  // the chain
  addLog(log: ChainLog): Promise<void>;
  removeLog(log: ChainLog): Promise<void>;
  logsOfPermit(permitId: PermitId): Promise<readonly ChainLog[]>;
  savePermit(permitId: PermitId, record: PermitRecord | undefined): Promise<void>;
  saveLocks(permitId: PermitId, bondKey: string): Promise<void>;
  saveGrantTerms(grantId: string, purposeHash: Digest, auditEachUse: boolean): Promise<void>;
  doubtPermits(doubt: Doubt): Promise<void>;

  // jobs
  saveOutcome(permitId: PermitId, outcome: JobOutcome): Promise<void>;
  doubtPermit(permitId: PermitId): Promise<void>;

  // decisions
  permitsToDecide(operator: Address, now: number, limit: number): Promise<readonly PermitRow[]>;
  /** Sets when to look again, and takes the doubt away, unless something was learnt since `revision`. */
  decided(row: PermitRow, wakeAt: number | undefined, stillDoubted: boolean): Promise<void>;
  /**
   * Makes an intent. One of the same business id stays as it is, except one that failed (or needed no transaction) and
   * may be worth another try: after news about its permit, or after `retryAfterSeconds`.
   */
  addIntent(
    call: OperatorCall,
    signer: Address,
    revision: number,
    now: number,
    retryAfterSeconds: number,
  ): Promise<void>;

  // uses
  addUse(use: Omit<Use, "purposeHash">): Promise<void>;
  /** Uses whose grants are known, oldest first. */
  waitingUses(limit: number): Promise<readonly WaitingUse[]>;
  /** Marks uses as taken; false, and nothing is marked, if one was taken already. */
  takeUses(useIds: readonly string[], businessId: string): Promise<boolean>;

  // the sender
  openIntents(signer: Address): Promise<readonly IntentRow[]>;
  findIntent(businessId: string): Promise<IntentRow | undefined>;
  lastNonce(signer: Address): Promise<number>;
  /** Stores an intent's change, and news of it; false when another leader changed it first. */
  saveIntent(row: IntentRow, change: IntentChange): Promise<boolean>;
}

export type IntentChange = {
  readonly intent: Intent;
  readonly now: number;
  readonly notBefore?: number;
  readonly failureFacts?: Readonly<Record<string, string>>;
  readonly broadcast?: boolean;
};

/** Gives the store inside one transaction. */
export type InTransaction = <T>(work: (store: SettlementStore) => Promise<T>) => Promise<T>;

/** The chain as the sender uses it, for one signer. Every method throws when the node fails. */
export interface ChainSender {
  readonly signer: Address;
  /** What the call would do now. */
  simulate(call: OperatorCall): Promise<Result<{ readonly gasLimit: bigint }, Refusal>>;
  nextNonce(lastStored: number): Promise<number>;
  sign(call: OperatorCall, nonce: number, gasLimit: bigint): Promise<NewTransaction>;
  /** The same call under the same nonce with other fees. */
  signAgain(
    transaction: SignedTransaction,
    nonce: number,
    fees: SignedTransaction["fees"],
  ): Promise<NewTransaction>;
  /** What takes the nonce and does nothing. */
  signCancellation(nonce: number, fees: SignedTransaction["fees"]): Promise<NewTransaction>;
  /** These fees, or more where the node asks for more now; never over the cap. */
  offer(atLeast: SignedTransaction["fees"]): Promise<SignedTransaction["fees"]>;
  /** Refused when the node says that it will not take it now; a lost answer throws. */
  broadcast(transaction: SignedTransaction): Promise<Result<void, { readonly reason: BroadcastRefusal }>>;
  view(intent: Intent, now: number): Promise<import("@cos/chain").IntentView>;
}
export type NewTransaction = Omit<SignedTransaction, "sentAt">;

/** Asks the chain whether every grant of a permit stands. */
export type GrantStandings = (grants: PermitRecord["grants"]) => Promise<boolean>;
