import { defineMigrations } from "@cos/store";

/** Permits and the fee ledger as mirrored, uses that wait, and the operator's transactions. */
export const settlementMigrations = defineMigrations({
  schema: "settlement",
  steps: [
    {
      id: "0001-settlement",
      sql: `
        CREATE TABLE chain_log (
          block_hash text NOT NULL, log_index int NOT NULL, block_number bigint NOT NULL,
          transaction_hash text NOT NULL, permit_id text, accounts text[] NOT NULL, event bytea NOT NULL,
          PRIMARY KEY (block_hash, log_index));
        CREATE INDEX chain_log_by_permit ON chain_log (permit_id, block_number, log_index);
        CREATE INDEX chain_log_by_transaction ON chain_log (transaction_hash);
        CREATE INDEX chain_log_by_account ON chain_log USING gin (accounts);

        CREATE TABLE permit (
          permit_id text PRIMARY KEY, record jsonb NOT NULL, operator text NOT NULL, final boolean NOT NULL,
          grant_ids text[] NOT NULL, dataset_ids text[] NOT NULL,
          doubted boolean NOT NULL DEFAULT false, revision int NOT NULL DEFAULT 1, wake_at bigint DEFAULT 0);
        CREATE INDEX permit_to_decide ON permit (operator, wake_at) WHERE NOT final;
        CREATE TABLE job_outcome (permit_id text PRIMARY KEY, outcome jsonb, doubted boolean NOT NULL DEFAULT false);
        CREATE TABLE permit_lock (key text PRIMARY KEY, permit_id text NOT NULL, is_bond boolean NOT NULL);
        CREATE TABLE grant_terms (
          grant_id text PRIMARY KEY, purpose_hash text NOT NULL, audit_each_use boolean NOT NULL);

        CREATE TABLE ticket_use (
          use_id text PRIMARY KEY, grant_id text NOT NULL, dataset_id text NOT NULL, grantee text NOT NULL,
          op int NOT NULL, used_at bigint NOT NULL, taken_by text);
        CREATE INDEX ticket_use_waiting ON ticket_use (used_at) WHERE taken_by IS NULL;

        CREATE TABLE intent (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          business_id text NOT NULL UNIQUE, signer text NOT NULL, call jsonb NOT NULL,
          state text NOT NULL CHECK (state IN
            ('pending', 'signed', 'sent', 'mined', 'confirmed', 'final', 'replaced', 'failed')),
          nonce bigint, intent jsonb NOT NULL, failure_facts jsonb NOT NULL DEFAULT '{}',
          version int NOT NULL DEFAULT 1, revision int NOT NULL, not_before bigint NOT NULL DEFAULT 0,
          broadcasts int NOT NULL DEFAULT 0, updated_at bigint NOT NULL,
          UNIQUE (signer, nonce));
        CREATE INDEX intent_open ON intent (signer, id) WHERE state NOT IN ('final', 'failed');`,
    },
    {
      // Since when a transaction is owed: what shows one that is stuck.
      id: "0002-intent-created",
      sql: "ALTER TABLE intent ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();",
    },
  ],
});
