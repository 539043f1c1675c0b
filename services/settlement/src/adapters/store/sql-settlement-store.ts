import type { Intent } from "@cos/chain";
import { ChainEvent, Stage } from "@cos/proto/chain";
import { type Address, type Digest, isFinalState, type JobOutcome, type PermitId } from "@cos/protocol";
import type { Db, Queryable, Tx } from "@cos/store";
import type {
  InTransaction,
  IntentChange,
  IntentRow,
  PermitRow,
  SettlementStore,
  WaitingUse,
} from "../../app/ports.ts";
import { type ChainLog, toChainLog } from "../../domain/chain-log.ts";
import { businessIdOf, type OperatorCall } from "../../domain/operator-call.ts";
import { type Doubt, type PermitRecord, permitOf } from "../../domain/permit-record.ts";
import type { Use } from "../../domain/use.ts";
import { accountsOf } from "./accounts-of.ts";
import { fromBigJson, toBigJson } from "./big-json.ts";
import { publishNews, wakePermitOf } from "./intent-news.ts";

/** The store over the service's schema; each call is a transaction of its own where it has to be. */
export const sqlSettlementStore = (db: Db): SettlementStore =>
  new SqlSettlementStore(db, (work) => db.inTransaction(work));

/** The store inside a transaction. */
export const settlementStoreIn = (tx: Tx): SettlementStore => new SqlSettlementStore(tx, (work) => work(tx));

export const settlementTransactions =
  (db: Db): InTransaction =>
  (work) =>
    db.inTransaction((tx) => work(settlementStoreIn(tx)));

type Atomic = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

class SqlSettlementStore implements SettlementStore {
  readonly #db: Queryable;
  readonly #atomic: Atomic;
  constructor(db: Queryable, atomic: Atomic) {
    this.#db = db;
    this.#atomic = atomic;
  }

  /**
   * Until this transaction ends nobody else works on what is kept of this permit. Its logs, and how its job ended, come
   * through different consumers (or twice, while a partition changes hands): each reads what the other writes, and
   * neither would see what the other has not committed yet.
   */
  async #lockPermit(permitId: PermitId): Promise<void> {
    await this.#db.query("SELECT pg_advisory_xact_lock(hashtextextended('settlement.permit.' || $1, 0))", [
      permitId,
    ]);
  }

  async addLog(log: ChainLog): Promise<void> {
    const permitId = permitOf(log);
    if (permitId) await this.#lockPermit(permitId);
    await this.#db.query(
      `INSERT INTO chain_log (block_hash, log_index, block_number, transaction_hash, permit_id, accounts, event)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
      [
        log.blockHash,
        log.logIndex,
        log.blockNumber,
        log.transactionHash,
        permitId ?? null,
        accountsOf(log),
        encodeLog(log),
      ],
    );
  }

  async removeLog(log: ChainLog): Promise<void> {
    const permitId = permitOf(log);
    if (permitId) await this.#lockPermit(permitId);
    const { blockHash, logIndex } = log;
    await this.#db.query("DELETE FROM chain_log WHERE block_hash = $1 AND log_index = $2", [
      blockHash,
      logIndex,
    ]);
  }

  async logsOfPermit(permitId: PermitId): Promise<readonly ChainLog[]> {
    const { rows } = await this.#db.query<{ event: Buffer }>(
      "SELECT event FROM chain_log WHERE permit_id = $1 ORDER BY block_number, log_index",
      [permitId],
    );
    return rows.map(({ event }) => toChainLog(ChainEvent.decode(event)));
  }

  async savePermit(permitId: PermitId, record: PermitRecord | undefined): Promise<void> {
    if (!record) {
      await this.#db.query("DELETE FROM permit WHERE permit_id = $1", [permitId]);
      return;
    }
    await this.#db.query(
      `INSERT INTO permit (permit_id, record, operator, final, grant_ids, dataset_ids, doubted)
       VALUES ($1, $2, $3, $4, $5, $6, coalesce((SELECT doubted FROM job_outcome WHERE permit_id = $1), false))
       ON CONFLICT (permit_id) DO UPDATE
         SET record = $2, operator = $3, final = $4, revision = permit.revision + 1, wake_at = 0`,
      [
        permitId,
        toBigJson(record),
        record.operator,
        isFinalState(record.state),
        record.grants.map(({ grantId }) => grantId),
        record.grants.map(({ datasetId }) => datasetId),
      ],
    );
  }

  async saveLocks(permitId: PermitId, bondKey: string): Promise<void> {
    await this.#db.query(
      "INSERT INTO permit_lock (key, permit_id, is_bond) VALUES ($1, $1, false), ($2, $1, true) ON CONFLICT DO NOTHING",
      [permitId, bondKey],
    );
  }

  async saveGrantTerms(grantId: string, purposeHash: Digest, auditEachUse: boolean): Promise<void> {
    await this.#db.query(
      `INSERT INTO grant_terms (grant_id, purpose_hash, audit_each_use) VALUES ($1, $2, $3)
       ON CONFLICT (grant_id) DO UPDATE SET purpose_hash = $2, audit_each_use = $3`,
      [grantId, purposeHash, auditEachUse],
    );
  }

  async doubtPermits(doubt: Doubt): Promise<void> {
    const [grantId, datasetId] = [
      doubt.about === "grant" ? doubt.id : null,
      doubt.about === "dataset" ? doubt.id : null,
    ];
    await this.#db.query(
      `UPDATE permit SET doubted = true, revision = revision + 1, wake_at = 0
       WHERE NOT final AND ($1::text IS NULL OR $1 = ANY (grant_ids)) AND ($2::text IS NULL OR $2 = ANY (dataset_ids))`,
      [grantId, datasetId],
    );
  }

  async saveOutcome(permitId: PermitId, outcome: JobOutcome): Promise<void> {
    await this.#lockPermit(permitId);
    await this.#db.query(
      `INSERT INTO job_outcome (permit_id, outcome) VALUES ($1, $2)
       ON CONFLICT (permit_id) DO UPDATE SET outcome = $2`,
      [permitId, toBigJson(outcome)],
    );
    await this.#wake(permitId, false);
  }

  async doubtPermit(permitId: PermitId): Promise<void> {
    await this.#lockPermit(permitId);
    await this.#db.query(
      `INSERT INTO job_outcome (permit_id, doubted) VALUES ($1, true)
       ON CONFLICT (permit_id) DO UPDATE SET doubted = true`,
      [permitId],
    );
    await this.#wake(permitId, true);
  }

  async #wake(permitId: PermitId, doubted: boolean): Promise<void> {
    await this.#db.query(
      "UPDATE permit SET revision = revision + 1, wake_at = 0, doubted = doubted OR $2 WHERE permit_id = $1",
      [permitId, doubted],
    );
  }

  async permitsToDecide(operator: Address, now: number, limit: number): Promise<readonly PermitRow[]> {
    const { rows } = await this.#db.query<{
      record: unknown;
      outcome: unknown;
      doubted: boolean;
      revision: number;
    }>(
      `SELECT p.record, p.doubted, p.revision, o.outcome FROM permit p LEFT JOIN job_outcome o USING (permit_id)
       WHERE p.operator = $1 AND NOT p.final AND p.wake_at <= $2 ORDER BY p.wake_at LIMIT $3`,
      [operator, now, limit],
    );
    return rows.map(({ record, outcome, doubted, revision }) => ({
      record: fromBigJson<PermitRecord>(record),
      outcome: outcome === null ? { kind: "open" } : fromBigJson<JobOutcome>(outcome),
      doubted,
      revision,
    }));
  }

  async decided(row: PermitRow, wakeAt: number | undefined, stillDoubted: boolean): Promise<void> {
    await this.#db.query(
      "UPDATE permit SET wake_at = $2, doubted = $3 WHERE permit_id = $1 AND revision = $4",
      [row.record.permitId, wakeAt ?? null, stillDoubted, row.revision],
    );
  }

  async addIntent(
    call: OperatorCall,
    signer: Address,
    revision: number,
    now: number,
    retryAfterSeconds: number,
  ): Promise<void> {
    const retryBefore = Number.isFinite(retryAfterSeconds) ? now - retryAfterSeconds : -1;
    await this.#db.query(
      `INSERT INTO intent AS i (business_id, signer, call, state, intent, revision, updated_at)
       VALUES ($1, $2, $3, 'pending', $4, $5, $6)
       ON CONFLICT (business_id) DO UPDATE SET call = excluded.call, state = 'pending', nonce = NULL,
         intent = excluded.intent, failure_facts = '{}', revision = excluded.revision, version = i.version + 1,
         not_before = 0, updated_at = excluded.updated_at, created_at = now()
       WHERE (i.state = 'failed' OR (i.state = 'final' AND i.nonce IS NULL))
         AND (i.revision < excluded.revision OR i.updated_at <= $7)`,
      [
        businessIdOf(call),
        signer,
        toBigJson(call),
        toBigJson({ state: "pending", transactions: [] } satisfies Intent),
        revision,
        now,
        retryBefore,
      ],
    );
  }

  async addUse(use: Omit<Use, "purposeHash">): Promise<void> {
    await this.#db.query(
      `INSERT INTO ticket_use (use_id, grant_id, dataset_id, grantee, op, used_at)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      [use.useId, use.grantId, use.datasetId, use.grantee, use.op, use.usedAt],
    );
  }

  async waitingUses(limit: number): Promise<readonly WaitingUse[]> {
    const { rows } = await this.#db.query<UseRow>(
      `SELECT u.*, coalesce(g.purpose_hash, $2) AS purpose_hash, coalesce(g.audit_each_use, false) AS alone
       FROM ticket_use u LEFT JOIN grant_terms g USING (grant_id)
       WHERE u.taken_by IS NULL AND (g.grant_id IS NOT NULL OR u.grant_id = '0')
       ORDER BY u.used_at, u.use_id LIMIT $1`,
      [limit, `0x${"0".repeat(64)}`],
    );
    return rows.map((row) => ({
      useId: row.use_id as Digest,
      grantId: row.grant_id,
      datasetId: row.dataset_id,
      grantee: row.grantee as Address,
      op: row.op,
      purposeHash: row.purpose_hash as Digest,
      usedAt: Number(row.used_at),
      alone: row.alone,
    }));
  }

  async takeUses(useIds: readonly string[], businessId: string): Promise<boolean> {
    const { rows } = await this.#db.query<{ use_id: string }>(
      "SELECT use_id FROM ticket_use WHERE use_id = ANY ($1) AND taken_by IS NULL FOR UPDATE",
      [useIds],
    );
    if (rows.length !== useIds.length) return false;
    await this.#db.query("UPDATE ticket_use SET taken_by = $2 WHERE use_id = ANY ($1)", [useIds, businessId]);
    return true;
  }

  async openIntents(signer: Address): Promise<readonly IntentRow[]> {
    const { rows } = await this.#db.query<IntentSqlRow>(
      `SELECT business_id, signer, call, intent, version, not_before, failure_facts FROM intent
       WHERE signer = $1 AND state NOT IN ('final', 'failed') ORDER BY id`,
      [signer],
    );
    return rows.map(toIntentRow);
  }

  async findIntent(businessId: string): Promise<IntentRow | undefined> {
    const { rows } = await this.#db.query<IntentSqlRow>(
      `SELECT business_id, signer, call, intent, version, not_before, failure_facts FROM intent
       WHERE business_id = $1`,
      [businessId],
    );
    return rows[0] && toIntentRow(rows[0]);
  }

  async lastNonce(signer: Address): Promise<number> {
    const { rows } = await this.#db.query<{ last: bigint | null }>(
      "SELECT max(nonce) AS last FROM intent WHERE signer = $1",
      [signer],
    );
    return Number(rows[0]?.last ?? -1n);
  }

  async saveIntent(row: IntentRow, change: IntentChange): Promise<boolean> {
    try {
      return await this.#change(row, change);
    } catch (error) {
      // Another leader took the nonce for another intent: ask for one again.
      if ((error as { constraint?: unknown }).constraint === "intent_signer_nonce_key") return false;
      throw error;
    }
  }

  #change(row: IntentRow, change: IntentChange): Promise<boolean> {
    return this.#atomic(async (tx) => {
      const { intent, now, notBefore, failureFacts, broadcast } = change;
      const { rowCount } = await tx.query(
        `UPDATE intent SET state = $3, nonce = $4, intent = $5, updated_at = $6, version = version + 1,
           not_before = coalesce($7, not_before), failure_facts = coalesce($8, failure_facts),
           broadcasts = broadcasts + $9
         WHERE business_id = $1 AND version = $2`,
        [
          row.businessId,
          row.version,
          intent.state,
          intent.nonce ?? null,
          toBigJson(intent),
          now,
          notBefore ?? null,
          failureFacts ?? null,
          broadcast ? 1 : 0,
        ],
      );
      if (rowCount !== 1) return false;
      await publishNews(tx, row, change);
      if (intent.state === "failed") await wakePermitOf(tx, row.call, intent);
      return true;
    });
  }
}

const toIntentRow = (row: IntentSqlRow): IntentRow => ({
  businessId: row.business_id,
  signer: row.signer as Address,
  call: fromBigJson<OperatorCall>(row.call),
  intent: fromBigJson<Intent>(row.intent),
  version: row.version,
  notBefore: Number(row.not_before),
  failureFacts: row.failure_facts,
});

/** A log as it was published; its stage is not kept. */
const encodeLog = (log: ChainLog): Buffer =>
  Buffer.from(
    ChainEvent.encode({
      chainId: 0n,
      blockNumber: BigInt(log.blockNumber),
      blockHash: Buffer.from(log.blockHash.slice(2), "hex"),
      blockTime: BigInt(log.blockTime),
      transactionHash: Buffer.from(log.transactionHash.slice(2), "hex"),
      logIndex: log.logIndex,
      stage: Stage.STAGE_UNSPECIFIED,
      contract: "",
      event: log.fact,
    }).finish(),
  );

type UseRow = {
  use_id: string;
  grant_id: string;
  dataset_id: string;
  grantee: string;
  op: number;
  used_at: bigint;
  purpose_hash: string;
  alone: boolean;
};

type IntentSqlRow = {
  business_id: string;
  signer: string;
  call: unknown;
  intent: unknown;
  version: number;
  not_before: bigint;
  failure_facts: Record<string, string>;
};
