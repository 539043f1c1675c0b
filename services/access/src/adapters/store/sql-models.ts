import type { Tx } from "@cos/store";
import type { ModelChange } from "../../app/mirror-store.ts";
import type { Kind, State } from "../../domain/read-models.ts";
import type { Subject } from "../../domain/subjects-of.ts";
import { listKeysOf } from "./list-keys.ts";
import { fromStateJson, toStateText } from "./state-json.ts";

/** The read models of these things, where there are any: one statement. */
export async function loadModels(
  tx: Tx,
  subjects: readonly Subject[],
): Promise<readonly { subject: Subject; state: State }[]> {
  const { rows } = await tx.query<{ kind: Kind; id: string; state: unknown }>(
    `SELECT m.kind, m.id, m.state FROM unnest($1::text[], $2::text[]) AS s (kind, id)
     JOIN read_model m ON m.kind = s.kind AND m.id = s.id`,
    [subjects.map(({ kind }) => kind), subjects.map(({ id }) => id)],
  );
  return rows.map(({ kind, id, state }) => ({ subject: { kind, id }, state: fromStateJson<State>(state) }));
}

/** Writes and removes read models: one statement each. A model keeps the place of the log that began it. */
export async function saveModels(tx: Tx, changes: readonly ModelChange[]): Promise<void> {
  const kept: Kept[] = [];
  const removed: Subject[] = [];
  for (const { subject, state, since } of changes) {
    if (state === undefined || since === undefined) removed.push(subject);
    else kept.push({ subject, state, block: since.blockNumber, index: since.logIndex });
  }
  if (removed.length > 0) {
    await tx.query(
      `DELETE FROM read_model m USING unnest($1::text[], $2::text[]) AS s (kind, id)
       WHERE m.kind = s.kind AND m.id = s.id`,
      [removed.map(({ kind }) => kind), removed.map(({ id }) => id)],
    );
  }
  if (kept.length > 0) await upsert(tx, kept);
}

type Kept = {
  readonly subject: Subject;
  readonly state: State;
  readonly block: number;
  readonly index: number;
};

async function upsert(tx: Tx, kept: readonly Kept[]): Promise<void> {
  const keys = kept.map(({ subject, state }) => listKeysOf(subject.kind, state));
  await tx.query(
    `INSERT INTO read_model (kind, id, state, since_block, since_index, account, dataset_ids)
     SELECT kind, id, state::jsonb, since_block, since_index, account, dataset_ids::text[]
     FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::int[], $6::text[], $7::text[])
       AS m (kind, id, state, since_block, since_index, account, dataset_ids)
     ON CONFLICT (kind, id) DO UPDATE
       SET state = excluded.state, account = excluded.account, dataset_ids = excluded.dataset_ids`,
    [
      kept.map(({ subject }) => subject.kind),
      kept.map(({ subject }) => subject.id),
      kept.map(({ state }) => toStateText(state)),
      kept.map(({ block }) => block),
      kept.map(({ index }) => index),
      keys.map(({ account }) => account),
      // Ids are decimal: they need no quoting inside an array's literal.
      keys.map(({ datasetIds }) => `{${datasetIds.join(",")}}`),
    ],
  );
}
