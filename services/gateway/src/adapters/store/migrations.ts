import { defineMigrations } from "@cos/store";

/** The gateway's tables. Times are Unix seconds, identifiers lower-case hex or decimal text. */
export const gatewayMigrations = defineMigrations({
  schema: "gateway",
  steps: [
    {
      id: "gateway-0001-sessions",
      sql: `
        CREATE TABLE nonces (
          nonce text PRIMARY KEY, address text NOT NULL, expires_at bigint NOT NULL, used_at bigint);
        CREATE INDEX nonces_expiry ON nonces (expires_at);`,
    },
    {
      id: "gateway-0002-chain-facts",
      sql: `
        CREATE TABLE chain_facts (
          block_hash text NOT NULL, log_index int NOT NULL, block_number bigint NOT NULL,
          depth text NOT NULL, subject text NOT NULL, fact jsonb NOT NULL,
          PRIMARY KEY (block_hash, log_index));
        CREATE INDEX chain_facts_subject ON chain_facts (subject, block_number, log_index);
        CREATE INDEX chain_facts_holder ON chain_facts ((fact->>'holder')) WHERE fact ? 'holder';`,
    },
    {
      id: "gateway-0003-tickets",
      sql: `
        CREATE TABLE tickets (
          ticket_id text PRIMARY KEY, holder text NOT NULL, subject jsonb NOT NULL, sbt_id text,
          issued_at bigint NOT NULL, expires_at bigint NOT NULL, revoked_at bigint);
        CREATE INDEX tickets_sbt ON tickets (sbt_id, expires_at) WHERE sbt_id IS NOT NULL;
        CREATE TABLE ticket_redemptions (
          ticket_id text PRIMARY KEY REFERENCES tickets, redeemed_at bigint NOT NULL);
        CREATE TABLE session_tickets (session_id text PRIMARY KEY, issued int NOT NULL);`,
    },
    {
      id: "gateway-0004-transfers",
      sql: `
        CREATE TABLE transfers (
          token_hash text PRIMARY KEY, ticket_id text NOT NULL UNIQUE REFERENCES tickets, holder text NOT NULL,
          scope jsonb NOT NULL, bytes_left bigint NOT NULL CHECK (bytes_left >= 0),
          expires_at bigint NOT NULL, closed_at bigint,
          sbt_id text, dataset_id text, grant_id text);
        CREATE INDEX transfers_dataset ON transfers (dataset_id) WHERE dataset_id IS NOT NULL;
        CREATE INDEX transfers_sbt ON transfers (sbt_id, expires_at) WHERE sbt_id IS NOT NULL;`,
    },
    {
      id: "gateway-0005-uploads",
      sql: `
        CREATE TABLE uploads (
          digest text NOT NULL, sbt_id text NOT NULL, size_bytes bigint NOT NULL,
          position bigint GENERATED ALWAYS AS IDENTITY,
          PRIMARY KEY (digest, sbt_id));
        CREATE TABLE transfer_objects (
          token_hash text NOT NULL REFERENCES transfers ON DELETE CASCADE, digest text NOT NULL,
          PRIMARY KEY (token_hash, digest));
        CREATE TABLE upload_usage (sbt_id text PRIMARY KEY, used_bytes bigint NOT NULL DEFAULT 0);
        CREATE TABLE withdrawn_objects (digest text PRIMARY KEY);
        CREATE TABLE deletions (
          dataset_id text NOT NULL, barrier int NOT NULL, done boolean NOT NULL DEFAULT false,
          objects int NOT NULL DEFAULT 0,
          PRIMARY KEY (dataset_id, barrier));`,
    },
    {
      id: "gateway-0006-closings",
      compatible: true,
      sql: `
        CREATE TABLE closing (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), times bigint NOT NULL);
        INSERT INTO closing (times) VALUES (0);
        CREATE INDEX transfers_grant ON transfers (grant_id) WHERE grant_id IS NOT NULL;
        CREATE INDEX transfers_expiry ON transfers (expires_at);
        CREATE INDEX tickets_expiry ON tickets (expires_at);`,
    },
    {
      id: "gateway-0007-oidc-bindings",
      compatible: true,
      sql: `
        CREATE TABLE oidc_bindings (account text PRIMARY KEY, address text NOT NULL, bound_at bigint NOT NULL);`,
    },
    {
      // Up to which block nobody knows how many tickets were issued for a session: where tables were lost.
      id: "gateway-0008-sessions-known",
      compatible: true,
      sql: `
        CREATE TABLE sessions_known (
          only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), after_block bigint NOT NULL);
        INSERT INTO sessions_known (after_block) VALUES (-1);`,
    },
  ],
});
