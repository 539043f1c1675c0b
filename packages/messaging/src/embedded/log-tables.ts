import { defineMigrations } from "@cos/store";

/** The embedded log's own schema. */
export const logMigrations = defineMigrations({
  schema: "log",
  steps: [
    {
      id: "0001-log",
      sql: `
        CREATE TABLE topic (name text PRIMARY KEY, partitions int NOT NULL);
        CREATE TABLE partition_end (
          topic text NOT NULL, partition int NOT NULL, next_offset bigint NOT NULL, PRIMARY KEY (topic, partition));
        CREATE TABLE message (
          topic text NOT NULL, partition int NOT NULL, "offset" bigint NOT NULL,
          key text NOT NULL, headers jsonb NOT NULL, value bytea NOT NULL,
          published_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (topic, partition, "offset"));
        CREATE TABLE group_offset (
          consumer_group text NOT NULL, topic text NOT NULL, partition int NOT NULL, next_offset bigint NOT NULL,
          PRIMARY KEY (consumer_group, topic, partition));`,
    },
  ],
});
