import type { ChainFacts } from "../../app/repositories.ts";
import type { ChainFact } from "../../domain/chain-facts.ts";
import { subjectOf } from "../../domain/chain-facts.ts";
import type { Depth } from "../../domain/decide-issue.ts";

export const sqlChainFacts: ChainFacts = {
  // Once final, a log does not become merely confirmed again by a late delivery.
  record: async (tx, { blockHash, blockNumber, logIndex }, depth, fact) => {
    await tx.query(
      `INSERT INTO chain_facts (block_hash, log_index, block_number, depth, subject, fact)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (block_hash, log_index) DO UPDATE SET depth = excluded.depth WHERE chain_facts.depth <> 'finalized'`,
      [blockHash, logIndex, blockNumber, depth, subjectOf(fact), fact],
    );
  },
  retract: async (tx, { blockHash, logIndex }) => {
    await tx.query("DELETE FROM chain_facts WHERE block_hash = $1 AND log_index = $2", [blockHash, logIndex]);
  },
  of: async (db, subject) => {
    const { rows } = await db.query<{ depth: Depth; fact: ChainFact }>(
      `SELECT depth, fact FROM chain_facts
       WHERE subject = $1
         AND (subject NOT LIKE 'session:%' OR block_number > (SELECT after_block FROM sessions_known))
       ORDER BY block_number, log_index`,
      [subject],
    );
    return rows;
  },
  ofAllDatasets: async (db) => {
    const { rows } = await db.query<{ id: string; depth: Depth; fact: ChainFact; rank: number }>(
      `SELECT fact->>'datasetId' AS id, depth, fact,
         row_number() OVER (ORDER BY block_number, log_index)::int AS rank FROM chain_facts
       WHERE subject LIKE 'dataset:%' ORDER BY block_number, log_index`,
    );
    return Map.groupBy(rows, ({ id }) => id);
  },
  identitiesOf: async (db, holder) => {
    const { rows } = await db.query<{ id: string }>(
      "SELECT DISTINCT fact->>'sbtId' AS id FROM chain_facts WHERE fact ? 'holder' AND fact->>'holder' = $1",
      [holder],
    );
    return rows.map(({ id }) => id);
  },
};
