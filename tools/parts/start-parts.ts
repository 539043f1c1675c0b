import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "./cache-folder.ts";
import { startKafka } from "./kafka.ts";
import type { Part } from "./part.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import { startOtherS3, startS3 } from "./s3.ts";

/** Every part that the integration tests know. */
const starters = {
  kafka: startKafka,
  postgres: startPostgres,
  redis: startRedis,
  s3: startS3,
  "s3-other": startOtherS3,
} as const;

export type PartName = keyof typeof starters;
export const partNames = Object.keys(starters) as PartName[];

export type RunningParts = {
  readonly parts: readonly Part[];
  /** Parts that this machine cannot have, and how a person can get them. */
  readonly missing: readonly { readonly name: PartName; readonly reason: string }[];
  /** Variables by which tests and services find the parts. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops what was started and removes its data. */
  stop(): Promise<void>;
};

/** Starts parts beside each other, with their data in a temporary folder; what cannot be had is told, not thrown. */
export async function startParts(names: readonly PartName[] = partNames): Promise<RunningParts> {
  const cache = cacheFolder();
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), "cos-parts-"));
  await chmod(folder, 0o755); // a database server runs as another user than root
  const started = await Promise.allSettled(
    names.map(async (name) => {
      const own = join(folder, name);
      await mkdir(own);
      return starters[name](own, cache);
    }),
  );
  const parts = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const missing = started.flatMap((one, at) =>
    one.status === "rejected" ? [{ name: names[at]!, reason: messageOf(one.reason) }] : [],
  );
  return {
    parts,
    missing,
    env: Object.assign({}, ...parts.map((part) => part.env)) as Record<string, string>,
    stop: async () => {
      await Promise.allSettled(parts.map((part) => part.stop()));
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
