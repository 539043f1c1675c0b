import type { MigrationStep } from "./db.ts";

/** What every schema has: messages to send, messages already counted, messages put aside for a person. */
export const messagingTables: readonly MigrationStep[] = [
  {
    id: "messaging-0001",
    sql: `
      CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic text NOT NULL, key text NOT NULL, partition int, headers jsonb NOT NULL, value bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(), sent_at timestamptz);
      CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
      CREATE TABLE inbox (
        consumer text NOT NULL, message_id text NOT NULL, claimed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, message_id));
      CREATE TABLE dead_letter (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        consumer text NOT NULL, topic text NOT NULL, key text NOT NULL, message_id text NOT NULL, reason text NOT NULL,
        headers jsonb NOT NULL, payload bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(), retried_at timestamptz,
        UNIQUE (consumer, message_id));`,
  },
  {
    // Finds old claims, which lie together, at next to no cost for new ones.
    id: "messaging-0002-inbox-age",
    compatible: true,
    sql: "CREATE INDEX inbox_age ON inbox USING brin (claimed_at) WITH (pages_per_range = 16, autosummarize = on);",
  },
];
