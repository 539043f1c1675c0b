import { defineMigrations } from "@cos/store";

/** The mirror's cursor, blocks and logs, and the read models folded from them. All of it can be rebuilt from the chain. */
export const accessMigrations = defineMigrations({
  schema: "access",
  steps: [
    {
      id: "0001-mirror",
      sql: `
        CREATE TABLE mirror_cursor (
          only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
          chain_id bigint NOT NULL,
          mirrored_number bigint NOT NULL, mirrored_hash text NOT NULL,
          confirmed_number bigint NOT NULL, finalized_number bigint NOT NULL,
          halt_reason text NOT NULL DEFAULT '');
        CREATE TABLE mirror_block (
          number bigint PRIMARY KEY, hash text NOT NULL, parent_hash text NOT NULL, block_time bigint NOT NULL);
        CREATE TABLE chain_log (
          block_hash text NOT NULL, log_index int NOT NULL, block_number bigint NOT NULL,
          event bytea NOT NULL,
          stage text NOT NULL CHECK (stage IN ('seen', 'confirmed', 'finalized')),
          retractions int NOT NULL DEFAULT 0,
          PRIMARY KEY (block_hash, log_index));
        CREATE INDEX chain_log_by_block ON chain_log (block_number, log_index);
        CREATE INDEX chain_log_unfinished ON chain_log (stage, block_number, log_index) WHERE stage <> 'finalized';
        CREATE TABLE chain_log_subject (
          kind text NOT NULL, id text NOT NULL, block_hash text NOT NULL, log_index int NOT NULL,
          PRIMARY KEY (kind, id, block_hash, log_index),
          FOREIGN KEY (block_hash, log_index) REFERENCES chain_log ON DELETE CASCADE);
        CREATE INDEX chain_log_subject_by_log ON chain_log_subject (block_hash, log_index);
        CREATE TABLE retracted_log (
          block_hash text NOT NULL, log_index int NOT NULL, times int NOT NULL,
          PRIMARY KEY (block_hash, log_index));
        CREATE TABLE read_model (
          kind text NOT NULL, id text NOT NULL, state jsonb NOT NULL,
          since_block bigint NOT NULL, since_index int NOT NULL,
          account text NOT NULL, dataset_ids text[] NOT NULL,
          PRIMARY KEY (kind, id));
        CREATE INDEX read_model_newest ON read_model (kind, since_block DESC, since_index DESC);
        CREATE INDEX read_model_by_account ON read_model (kind, account);`,
    },
    {
      // Heights in place of 66-character hashes as keys, and no foreign key to look up row by row: a log's place is unique
      // among the mirrored blocks, since those that a reorganisation removed are gone. Halves the cost of a caught-up log.
      id: "0002-logs-by-height",
      sql: `
        CREATE TABLE log_about (
          kind text NOT NULL, id text NOT NULL, block_number bigint NOT NULL, log_index int NOT NULL,
          PRIMARY KEY (kind, id, block_number, log_index));
        INSERT INTO log_about SELECT s.kind, s.id, l.block_number, l.log_index
          FROM chain_log_subject s JOIN chain_log l USING (block_hash, log_index);
        CREATE INDEX log_about_by_height ON log_about (block_number, log_index);
        DROP TABLE chain_log_subject;
        ALTER TABLE chain_log DROP CONSTRAINT chain_log_pkey;
        DROP INDEX chain_log_by_block;
        ALTER TABLE chain_log ADD PRIMARY KEY (block_number, log_index);
        DROP INDEX chain_log_unfinished;
        CREATE INDEX chain_log_unfinished ON chain_log (block_number, log_index) WHERE stage <> 'finalized';`,
    },
  ],
});
