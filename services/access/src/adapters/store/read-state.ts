import type { Queryable } from "@cos/store";
import type { MirrorState } from "../../app/mirror-store.ts";

/** The mirror's one row about itself. */
export async function readState(db: Queryable, lock: "" | "FOR UPDATE"): Promise<MirrorState | undefined> {
  const { rows } = await db.query<CursorRow>(
    `SELECT chain_id, mirrored_number, mirrored_hash, confirmed_number, finalized_number, halt_reason
     FROM mirror_cursor ${lock}`,
  );
  const row = rows[0];
  return (
    row && {
      chainId: row.chain_id,
      haltReason: row.halt_reason,
      cursor: {
        mirrored: { number: Number(row.mirrored_number), hash: row.mirrored_hash },
        confirmedNumber: Number(row.confirmed_number),
        finalizedNumber: Number(row.finalized_number),
      },
    }
  );
}

type CursorRow = {
  chain_id: bigint;
  mirrored_number: bigint;
  mirrored_hash: string;
  confirmed_number: bigint;
  finalized_number: bigint;
  halt_reason: string;
};
