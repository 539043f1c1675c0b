import type { ObjectStore } from "@cos/objects";
import { objectKey } from "@cos/objects";
import { type Address, digestOfBytes } from "@cos/protocol";
import { businessIdOf, type OperatorCall } from "../domain/operator-call.ts";
import type { Use } from "../domain/use.ts";
import { isBatchDue, planUseBatch } from "../domain/use-batch.ts";
import type { InTransaction, SettlementStore } from "./ports.ts";

export type BatchDeps = {
  readonly store: SettlementStore;
  readonly inTransaction: InTransaction;
  readonly objects: Pick<ObjectStore, "put">;
  /** Who holds the USAGE role. */
  readonly signer: Address;
  /** Unix seconds. */
  readonly now: () => number;
  readonly maxUses: number;
  readonly maxAgeSeconds: number;
};

/** Owes the chain a record of waiting uses: alone where the grant asks for that, else batched when a batch is due. */
export async function batchUses(deps: BatchDeps): Promise<void> {
  const waiting = await deps.store.waitingUses(deps.maxUses);
  for (const { alone, ...use } of waiting) if (alone) await oweRecord(deps, use);
  const rest = waiting.flatMap(({ alone, ...use }) => (alone ? [] : [use]));
  const oldest = Math.min(...rest.map(({ usedAt }) => usedAt));
  if (isBatchDue({ count: rest.length, oldest }, deps, deps.now())) await oweBatch(deps, rest);
}

const oweRecord = (deps: BatchDeps, record: Use): Promise<void> =>
  owe(deps, { contract: "UsageLog", record }, [record]);

/** The leaves are stored first, under their digest: a crash in between leaves an object that nothing names. */
async function oweBatch(deps: BatchDeps, uses: readonly Use[]): Promise<void> {
  const { leavesJson, ...batch } = planUseBatch(uses);
  const bytes = Buffer.from(leavesJson);
  const digest = digestOfBytes(bytes);
  const stored = await deps.objects.put(objectKey(digest), bytes, { sizeBytes: bytes.length, digest });
  if (!stored.ok) throw new Error(`the leaves of a batch were not stored: ${stored.error.code}`);
  const uri = `cos-object:${digest.slice(2)}`;
  await owe(deps, { contract: "UsageLog", batch: { ...batch, uri } }, uses);
}

async function owe(
  { inTransaction, signer, now }: BatchDeps,
  call: OperatorCall,
  uses: readonly Use[],
): Promise<void> {
  const businessId = businessIdOf(call);
  await inTransaction(async (store) => {
    const useIds = uses.map(({ useId }) => useId);
    if (await store.takeUses(useIds, businessId)) await store.addIntent(call, signer, 0, now(), Infinity);
  });
}
