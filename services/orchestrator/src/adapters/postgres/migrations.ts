import { defineMigrations } from "@cos/store";

/** The orchestrator's tables. Digests and addresses are lower-case `0x` hex, times Unix seconds. */
export const migrations = defineMigrations({
  schema: "orchestrator",
  steps: [
    {
      id: "0001-jobs",
      sql: `
CREATE TABLE job (
  job_id text PRIMARY KEY,
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  state text NOT NULL,
  paused boolean NOT NULL DEFAULT false,
  lost_at_block bigint,
  reason text NOT NULL DEFAULT '',
  facts jsonb NOT NULL DEFAULT '{}',
  stopped_by text,
  terms jsonb NOT NULL,
  grantee text NOT NULL,
  region text NOT NULL,
  wanted int NOT NULL CHECK (wanted BETWEEN 1 AND 16),
  expiry bigint NOT NULL,
  issue_block bigint NOT NULL,
  issue_log_index int NOT NULL,
  begun boolean NOT NULL DEFAULT false,
  reducing boolean NOT NULL DEFAULT false,
  plan_digest text,
  inputs_root text,
  context_digest text,
  result_commitment text,
  result_uri text,
  posted_commitment text,
  posted_uri text,
  attempts int NOT NULL DEFAULT 0,
  retry_at bigint NOT NULL DEFAULT 0,
  created_at bigint NOT NULL);
CREATE INDEX job_by_grantee ON job (grantee, seq);
CREATE INDEX job_by_state ON job (state, seq);

CREATE TABLE job_dataset (
  job_id text NOT NULL REFERENCES job,
  grant_id text NOT NULL,
  dataset_id text NOT NULL,
  version int NOT NULL,
  PRIMARY KEY (job_id, dataset_id));
CREATE INDEX job_dataset_by_grant ON job_dataset (grant_id);
CREATE INDEX job_dataset_by_dataset ON job_dataset (dataset_id);

CREATE TABLE job_transition (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id text NOT NULL REFERENCES job,
  state text NOT NULL,
  at bigint NOT NULL);
CREATE INDEX job_transition_by_job ON job_transition (job_id, n);

-- Logs that stop a job, kept until a reorganisation retracts them.
CREATE TABLE job_stop (
  job_id text NOT NULL REFERENCES job,
  log_key text NOT NULL,
  outcome text NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (job_id, log_key));
CREATE INDEX job_stop_by_log ON job_stop (log_key);

CREATE TABLE task (
  job_id text NOT NULL REFERENCES job,
  task_id text NOT NULL,
  stage int NOT NULL,
  ordinal int NOT NULL,
  description text NOT NULL,
  input_bytes bigint NOT NULL,
  max_output_bytes bigint NOT NULL,
  output_digest text,
  output_bytes bigint,
  PRIMARY KEY (job_id, task_id),
  UNIQUE (job_id, ordinal));
CREATE INDEX task_by_output ON task (output_digest);

CREATE TABLE replica (
  job_id text NOT NULL,
  task_id text NOT NULL,
  replica int NOT NULL,
  state text NOT NULL CHECK (state IN ('WAITING', 'QUEUED', 'RUNNING', 'DONE')),
  worker text,
  fence bigint UNIQUE,
  lease_until bigint NOT NULL DEFAULT 0,
  ready_at bigint NOT NULL DEFAULT 0,
  queued_at bigint NOT NULL DEFAULT 0,
  first_queued_at bigint,
  published int NOT NULL DEFAULT 0,
  output_digest text,
  output_bytes bigint,
  signature text,
  bytes_read bigint NOT NULL DEFAULT 0,
  compute_seconds float8 NOT NULL DEFAULT 0,
  PRIMARY KEY (job_id, task_id, replica),
  FOREIGN KEY (job_id, task_id) REFERENCES task);
CREATE INDEX replica_open ON replica (state, ready_at) WHERE state <> 'DONE';
CREATE INDEX replica_by_output ON replica (output_digest);
CREATE SEQUENCE fence;

CREATE TABLE task_failure (
  fence bigint PRIMARY KEY,
  job_id text NOT NULL,
  task_id text NOT NULL,
  worker text NOT NULL,
  code text NOT NULL,
  retryable boolean NOT NULL,
  at bigint NOT NULL,
  FOREIGN KEY (job_id, task_id) REFERENCES task);
CREATE INDEX task_failure_by_task ON task_failure (job_id, task_id);

-- Where a worker may have stored an output: what the sweeper looks through.
CREATE TABLE upload (
  digest text PRIMARY KEY,
  presigned_at bigint NOT NULL);

CREATE TABLE worker (
  worker text NOT NULL,
  region text NOT NULL,
  seen_at bigint NOT NULL,
  PRIMARY KEY (worker, region));

-- Whose turn it was; its only row is the lock of the queue.
CREATE TABLE turn (
  id int PRIMARY KEY CHECK (id = 1),
  last_served text);
INSERT INTO turn VALUES (1, NULL);`,
    },
    {
      id: "0002-work-distribution",
      sql: `
ALTER TABLE task ADD COLUMN cost bigint NOT NULL DEFAULT 0, ADD COLUMN tied_at bigint;
ALTER TABLE replica
  ADD COLUMN partition int,
  ADD COLUMN unanswered int NOT NULL DEFAULT 0,
  ADD COLUMN bounced int NOT NULL DEFAULT 0,
  ADD COLUMN races boolean NOT NULL DEFAULT false,
  ADD COLUMN begun_at bigint,
  ADD COLUMN done_at bigint;
CREATE INDEX replica_waiting ON replica (job_id) WHERE state = 'WAITING';
CREATE INDEX replica_leased ON replica (worker) WHERE state = 'RUNNING';
ALTER TABLE worker ADD COLUMN capacity int NOT NULL DEFAULT 1;

-- Which worker a partition of a region's queue was last seen to serve: a guess that placing rests on, never a right.
CREATE TABLE queue_partition (
  region text NOT NULL,
  partition int NOT NULL,
  worker text NOT NULL,
  seen_at bigint NOT NULL,
  PRIMARY KEY (region, partition));

-- When a sweeper was last at work: what nobody could hear meanwhile is held against no worker.
ALTER TABLE turn ADD COLUMN swept_at bigint NOT NULL DEFAULT 0;`,
    },
  ],
});
