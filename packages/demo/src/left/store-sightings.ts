import { openEmbeddedStore } from "@cos/store";
import { chainEvents, jobEvents, taskEvents, ticketEvents, transactionEvents } from "@cos/topics";
import type { FieldSightings } from "./field-sightings.ts";

const schemas = ["access", "gateway", "orchestrator", "settlement", "log"];

/**
 * Reads the services' database after they stopped: every column of every table that holds a row, and every field of
 * every message that was published.
 */
export async function storeSightings(
  dataDir: string,
  region: string,
  sightings: FieldSightings,
): Promise<{ rows: number; messages: number }> {
  const store = await openEmbeddedStore({ dataDir });
  const counts = { rows: 0, messages: 0 };
  try {
    for (const schema of schemas) {
      const db = store.schema(schema);
      const { rows: tables } = await db.query<{ table_name: string; columns: string[] }>(
        `SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) AS columns
         FROM information_schema.columns WHERE table_schema = $1 GROUP BY table_name`,
        [schema],
      );
      for (const { table_name: table, columns } of tables) {
        const { rows } = await db.query<{ n: string }>(`SELECT count(*) AS n FROM "${schema}"."${table}"`);
        const held = Number(rows[0]?.n ?? 0);
        counts.rows += held;
        if (held === 0) continue;
        for (const column of columns) sightings.add("service database", column, `${schema}.${table}`);
      }
    }
    counts.messages = await messageSightings(store.schema("log"), region, sightings);
  } finally {
    await store.close();
  }
  return counts;
}

type Db = ReturnType<Awaited<ReturnType<typeof openEmbeddedStore>>["schema"]>;

async function messageSightings(db: Db, region: string, sightings: FieldSightings): Promise<number> {
  const topics = [
    chainEvents,
    jobEvents,
    ticketEvents,
    transactionEvents,
    taskEvents(region),
    taskEvents("any"),
  ];
  const codecs = new Map(topics.map((topic) => [topic.name, topic]));
  const { rows } = await db.query<{ topic: string; headers: object; value: Buffer }>(
    'SELECT topic, headers, value FROM log.message ORDER BY topic, partition, "offset"',
  );
  for (const { topic, headers, value } of rows) {
    for (const header of Object.keys(headers))
      sightings.add("calls and events", header, "every event's headers");
    const codec = codecs.get(topic);
    if (codec === undefined) sightings.add("calls and events", "value", `${topic} (not decoded)`);
    else noteMessage(codec.decode(value), topic, sightings);
  }
  return rows.length;
}

/** Fields of a message; a `oneof` shows as the case's name and the fields within it. */
function noteMessage(message: unknown, place: string, sightings: FieldSightings): void {
  if (typeof message !== "object" || message === null) return;
  for (const [name, value] of Object.entries(message)) {
    if (value === undefined) continue;
    const choice = value as { $case?: unknown; value?: unknown };
    if (typeof choice.$case === "string") noteMessage(choice.value, `${place} ${choice.$case}`, sightings);
    else if (isMessage(value)) noteMessage(value, place, sightings);
    else if (Array.isArray(value) && value.some(isMessage)) {
      for (const each of value) noteMessage(each, place, sightings);
    } else sightings.add("calls and events", name, place);
  }
}

const isMessage = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array) &&
  !(value instanceof Date);
