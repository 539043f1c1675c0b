import type { Db, MessageHeaders, OutgoingMessage, Tx } from "@cos/store";
import type { ReceivedMessage } from "../message-log.ts";

/** The embedded log's rows. */
export class LogStore {
  readonly #db: Db;
  constructor(db: Db) {
    this.#db = db;
  }

  /** @throws when the topic exists with another number of partitions */
  async declare(topic: string, partitions: number): Promise<void> {
    const { rows } = await this.#db.query<{ partitions: number }>(
      `INSERT INTO topic (name, partitions) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING partitions`,
      [topic, partitions],
    );
    const existing = rows[0]?.partitions;
    if (existing !== partitions) throw new Error(`${topic} has ${existing} partitions, not ${partitions}`);
  }

  async topics(): Promise<Map<string, number>> {
    const { rows } = await this.#db.query<{ name: string; partitions: number }>(
      "SELECT name, partitions FROM topic",
    );
    return new Map(rows.map((row) => [row.name, row.partitions]));
  }

  /** The offset after the last message of each partition, by `<topic>/<partition>`. */
  async ends(): Promise<Map<string, bigint>> {
    const { rows } = await this.#db.query<{ topic: string; partition: number; next_offset: bigint }>(
      "SELECT topic, partition, next_offset FROM partition_end",
    );
    return new Map(rows.map((row) => [`${row.topic}/${row.partition}`, row.next_offset]));
  }

  /** Appends messages, already sorted into partitions, in one transaction. @returns the new ends */
  append(batches: readonly Batch[]): Promise<bigint[]> {
    return this.#db.inTransaction(async (tx) => {
      const ends: bigint[] = [];
      for (const batch of batches) ends.push(await appendBatch(tx, batch));
      return ends;
    });
  }

  /** Up to `limit` messages of each wanted partition, from its offset on, in order. */
  async read(topic: string, wanted: readonly Position[], limit: number): Promise<ReceivedMessage[]> {
    const { rows } = await this.#db.query<StoredMessage>(
      `SELECT m.partition, m."offset", m.key, m.headers, m.value
       FROM unnest($2::int[], $3::bigint[]) AS want (partition, start)
       CROSS JOIN LATERAL (
         SELECT * FROM message WHERE topic = $1 AND partition = want.partition AND "offset" >= want.start
         ORDER BY "offset" LIMIT $4) AS m
       ORDER BY m.partition, m."offset"`,
      [topic, wanted.map((one) => one.partition), wanted.map((one) => one.offset), limit],
    );
    return rows.map((row) => ({ topic, ...row }));
  }

  /** Where a group goes on, by partition; a partition that it never committed is missing. */
  async offsets(group: string, topic: string): Promise<Map<number, bigint>> {
    const { rows } = await this.#db.query<{ partition: number; next_offset: bigint }>(
      "SELECT partition, next_offset FROM group_offset WHERE consumer_group = $1 AND topic = $2",
      [group, topic],
    );
    return new Map(rows.map((row) => [row.partition, row.next_offset]));
  }

  async commit(group: string, topic: string, positions: readonly Position[]): Promise<void> {
    await this.#db.query(
      `INSERT INTO group_offset (consumer_group, topic, partition, next_offset)
       SELECT $1, $2, * FROM unnest($3::int[], $4::bigint[])
       ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = excluded.next_offset`,
      [group, topic, positions.map((one) => one.partition), positions.map((one) => one.offset)],
    );
  }

  /** Deletes messages older than `seconds` that every group which reads the topic has behind it. */
  async forget(topic: string, seconds: number, signal: AbortSignal): Promise<void> {
    for (let deleted = forgetAtOnce; deleted === forgetAtOnce && !signal.aborted; ) {
      const { rowCount } = await this.#db.query(
        `DELETE FROM message WHERE (topic, partition, "offset") IN (
           SELECT topic, partition, "offset" FROM message m
           WHERE topic = $1 AND published_at < now() - make_interval(secs => $2) AND NOT EXISTS (
             SELECT FROM group_offset g WHERE g.topic = m.topic AND g.partition = m.partition AND g.next_offset <= m."offset")
           LIMIT $3)`,
        [topic, seconds, forgetAtOnce],
      );
      deleted = rowCount;
    }
  }

  async lag(group: string, topic: string): Promise<number> {
    const { rows } = await this.#db.query<{ lag: string | null }>(
      `SELECT sum(e.next_offset - coalesce(g.next_offset, 0)) AS lag
       FROM partition_end e LEFT JOIN group_offset g
         ON g.consumer_group = $1 AND g.topic = e.topic AND g.partition = e.partition
       WHERE e.topic = $2`,
      [group, topic],
    );
    return Number(rows[0]?.lag ?? 0);
  }
}

/** The store runs one statement at a time: this one must be short. */
const forgetAtOnce = 1_000;

export type Batch = {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly OutgoingMessage[];
};
export type Position = { readonly partition: number; readonly offset: bigint };
type StoredMessage = {
  partition: number;
  offset: bigint;
  key: string;
  headers: MessageHeaders;
  value: Buffer;
};

async function appendBatch(tx: Tx, { topic, partition, messages }: Batch): Promise<bigint> {
  const { rows } = await tx.query<{ next_offset: bigint }>(
    `INSERT INTO partition_end (topic, partition, next_offset) VALUES ($1, $2, $3)
     ON CONFLICT (topic, partition) DO UPDATE SET next_offset = partition_end.next_offset + excluded.next_offset
     RETURNING next_offset`,
    [topic, partition, messages.length],
  );
  const end = rows[0]!.next_offset;
  await tx.query(
    `INSERT INTO message (topic, partition, "offset", key, headers, value)
     SELECT $1, $2, $3::bigint + position - 1, key, headers, value
     FROM unnest($4::text[], $5::jsonb[], $6::bytea[]) WITH ORDINALITY AS m (key, headers, value, position)`,
    [
      topic,
      partition,
      end - BigInt(messages.length),
      messages.map((one) => one.key),
      messages.map((one) => JSON.stringify(one.headers)),
      messages.map((one) => Buffer.from(one.value)),
    ],
  );
  return end;
}
