import type { Db } from "@cos/store";
import type { MirrorStore } from "../../app/mirror-store.ts";
import type { TraceOfLog } from "../telemetry.ts";
import { readState } from "./read-state.ts";
import { SqlMirrorTx } from "./sql-mirror-tx.ts";

/** The mirror's rows in the service's schema. */
export const sqlMirrorStore = (db: Db, traceOf: TraceOfLog = () => undefined): MirrorStore => ({
  inTransaction: (work) => db.inTransaction((tx) => work(new SqlMirrorTx(tx, traceOf))),
  state: () => readState(db, ""),
  hashAt: async (number) => {
    const { rows } = await db.query<{ hash: string }>("SELECT hash FROM mirror_block WHERE number = $1", [
      number,
    ]);
    return rows[0]?.hash;
  },
  oldestBlock: async () => {
    const { rows } = await db.query<{ oldest: bigint | null }>(
      "SELECT min(number) AS oldest FROM mirror_block",
    );
    const oldest = rows[0]?.oldest ?? null;
    return oldest === null ? undefined : Number(oldest);
  },
  publishedAbove: async (number) => {
    const { rows } = await db.query<{ logs: bigint }>(
      "SELECT count(*) AS logs FROM chain_log WHERE block_number > $1 AND stage <> 'seen'",
      [number],
    );
    return Number(rows[0]?.logs ?? 0n);
  },
  hasLog: async (blockNumber, blockHash, logIndex) => {
    const { rowCount } = await db.query(
      "SELECT 1 FROM chain_log WHERE block_number = $1 AND log_index = $2 AND block_hash = $3",
      [blockNumber, logIndex, blockHash],
    );
    return rowCount > 0;
  },
});
