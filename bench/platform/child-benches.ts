import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestDatabase } from "@cos/testkit";
import type { Report } from "./report.ts";
import type { Stage } from "./stage.ts";

/** `bench/messaging.ts` on the stage's parts: what goes through outbox, broker and inbox in a second. */
export async function benchMessages(
  stage: Stage,
  report: Report,
  options: { folder: string; messages: number },
): Promise<void> {
  type Rows = { name: string; messagesPerSecond: number; ofCeiling?: number }[];
  const { rows } = await measured<{ rows: Rows }>("messaging", ["--messages", String(options.messages)], {
    folder: options.folder,
    env: stage.parts.env,
  });
  report.details.messaging = rows;
  const of = (name: string) => rows.find((row) => row.name === name)?.messagesPerSecond ?? Number.NaN;
  const unit = "1/s";
  report.add({
    what: "messages from the outbox to Kafka, one relay",
    value: of("outbox relay, Postgres to Kafka"),
    unit,
    against: "Kafka's own producer",
    ceiling: of("produce, Kafka's own tool"),
  });
  report.add({
    what: "messages from Kafka, handled and committed",
    value: of("handle and commit, Kafka"),
    unit,
    against: "Kafka's own consumer",
    ceiling: of("consume, Kafka's own tool"),
  });
}

/** `bench/mirror.ts` into the stage's Postgres: a chain that is there already, mirrored from its first block. */
export async function benchMirror(
  stage: Stage,
  report: Report,
  options: { folder: string; permits: number },
): Promise<void> {
  type Rows = { name: string; logsPerSecond: number; cpuSeconds: number }[];
  const database = await createTestDatabase(stage.parts.postgres);
  try {
    const { rows, logs } = await measured<{ rows: Rows; logs: number }>(
      "mirror",
      ["--permits", String(options.permits)],
      { folder: options.folder, env: { COS_PARTS_POSTGRES: database.url } },
    );
    report.details.mirror = { logs, rows };
    const ceiling = rows[0]?.logsPerSecond ?? Number.NaN;
    for (const { name, logsPerSecond } of rows.slice(1)) {
      report.add({
        what: `logs of ${logs}, ${name}`,
        value: logsPerSecond,
        unit: "1/s",
        against: "downloading and parsing the same from the node",
        ceiling,
        aim: "> 5000",
      });
    }
  } finally {
    await database.drop();
  }
}

/** Runs another bench as a process of its own. @returns what it wrote as JSON */
async function measured<T>(
  name: string,
  args: readonly string[],
  { folder, env }: { folder: string; env: Readonly<Record<string, string>> },
): Promise<T> {
  const entry = fileURLToPath(new URL(`../${name}.ts`, import.meta.url));
  const json = join(folder, `${name}.json`);
  const child = spawn(process.execPath, [entry, ...args, "--json", json], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...env },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`bench/${name}.ts ended with ${code}`);
  return JSON.parse(await readFile(json, "utf8")) as T;
}
