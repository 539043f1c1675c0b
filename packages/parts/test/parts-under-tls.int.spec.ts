import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { readConfig } from "@cos/service-host";
import { realPart, type TempFolder, tempFolder } from "@cos/testkit";
import { TestAuthority } from "@cos/testkit/test-authority";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../tools/parts/cache-folder.ts";
import { type SecureParts, startSecureParts } from "../../../tools/parts/secure-parts.ts";
import { partSettings, ServiceProcess, Unwinder } from "../src/index.ts";

const parts = ["database", "brokers", "cache", "objects"] as const;
type Part = (typeof parts)[number];
const all = (["kafka", "postgres", "redis", "s3"] as const).map(realPart);

describe.skipIf(all.includes(undefined))("real parts that speak TLS only", () => {
  let folder: TempFolder;
  let authority: TestAuthority;
  let secure: SecureParts;
  let settings: Record<string, string>;
  const ends: Unwinder[] = [];

  beforeAll(async () => {
    folder = await tempFolder("parts-tls");
    authority = await TestAuthority.create();
    const server = await authority.files(folder.path, "server", ["ip:127.0.0.1"]);
    const mutual = await authority.files(folder.path, "service", ["url:spiffe://cos/access"]);
    secure = await startSecureParts(folder.path, cacheFolder(), { ...server, mutual });
    settings = {
      ...secure.settings,
      COS_BROKERS: secure.kafka,
      COS_BROKERS_PATIENCE_SECONDS: "3",
      COS_DATABASE_URL_FILE: await fileOf(secure.postgres),
      COS_OBJECT_STORE_URL_FILE: await fileOf(`${secure.s3}/bucket`),
      COS_CACHE_URL_FILE: await fileOf(secure.redis),
      COS_LOG_FILE: join(folder.path, "log"),
    };
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end.unwind();
  });
  afterAll(async () => {
    await secure?.stop();
    await folder?.remove();
  });

  async function fileOf(text: string): Promise<string> {
    const file = join(folder.path, randomUUID());
    await writeFile(file, `${text}\n`, { mode: 0o600 });
    return file;
  }

  /** A process with these settings over the good ones; `undefined` leaves one out. */
  function processWith(changes: Record<string, string | undefined> = {}): Promise<ServiceProcess> {
    const read = readConfig(partSettings, "COS_", { ...settings, ...changes });
    if (!read.ok) throw new Error(read.error.faults.map(({ key }) => key).join(", "));
    const end = new Unwinder();
    ends.push(end);
    return ServiceProcess.open("access", read.value, end);
  }

  /** Asks the part for something. Throws as the part's adapter does. */
  const uses: Record<Part, (host: ServiceProcess) => Promise<unknown>> = {
    database: async (host) => (await host.db()).query("SELECT 1"),
    brokers: async (host) => (await host.log()).declare({ name: "secret.v1", partitions: 1 }),
    cache: async (host) => {
      const cache = (await host.cache(() => {})) as { ping(): Promise<void> } | undefined;
      let last: unknown;
      const answer = () =>
        cache?.ping().then(
          () => "PONG",
          (error: unknown) => {
            last = error;
            return String(error);
          },
        );
      await expect.poll(answer, { timeout: 10_000 }).toMatch(/PONG|UNTRUSTED/);
      if (last !== undefined && (await answer()) !== "PONG") throw last;
    },
    objects: async (host) => (await host.objects({ createBucket: true })).head(`objects/${"a".repeat(64)}`),
  };

  const codes: Record<Part, string> = {
    database: "STORE_UNTRUSTED",
    brokers: "KAFKA_UNTRUSTED",
    cache: "CACHE_UNTRUSTED",
    objects: "OBJECTS_UNTRUSTED",
  };
  const prefixes: Record<Part, string> = {
    database: "COS_DATABASE",
    brokers: "COS_BROKERS",
    cache: "COS_CACHE",
    objects: "COS_OBJECT_STORE",
  };

  /** What the use fails with; its words hold no password. */
  async function refusalOf(part: Part, changes: Record<string, string | undefined>): Promise<unknown> {
    const error = await uses[part](await processWith(changes)).then(
      () => "it was let in",
      (cause: unknown) => cause,
    );
    const secrets = [secure.postgres, secure.s3, secure.redis].map((url) => new URL(url).password);
    const said = inspect(error, { depth: 6, showHidden: true });
    for (const secret of secrets) expect(said).not.toContain(secret);
    return error;
  }

  it.each(parts)("are used by files: %s", async (part) => {
    await uses[part](await processWith());
  });

  it.each(parts)("are not believed under another authority: %s", async (part) => {
    const stranger = await (await TestAuthority.create()).files(folder.path, randomUUID(), ["ip:127.0.0.1"]);
    const error = await refusalOf(part, { [`${prefixes[part]}_CA_FILE`]: stranger.caFile });
    expect(error).toMatchObject({ code: codes[part] });
  });

  it.each(parts)("are not believed by the world's authorities: %s", async (part) => {
    const changes = { [`${prefixes[part]}_CA_FILE`]: undefined };
    expect(await refusalOf(part, changes)).toMatchObject({ code: codes[part] });
  });

  it.each(parts)("are not believed under another name: %s", async (part) => {
    const named = (text: string) => text.replaceAll("127.0.0.1", "localhost");
    const elsewhere: Record<Part, () => Promise<Record<string, string>>> = {
      database: async () => ({ COS_DATABASE_URL_FILE: await fileOf(named(secure.postgres)) }),
      brokers: async () => ({ COS_BROKERS: named(secure.kafka) }),
      cache: async () => ({ COS_CACHE_URL_FILE: await fileOf(named(secure.redis)) }),
      objects: async () => ({ COS_OBJECT_STORE_URL_FILE: await fileOf(named(`${secure.s3}/bucket`)) }),
    };
    const error = await refusalOf(part, await elsewhere[part]());
    expect(error).toMatchObject({ code: codes[part] });
    expect(String(error)).toContain("ALTNAME");
  });

  it.each(["database", "brokers", "cache"] as const)(
    "want to know who comes: %s refuses a process without a certificate, and a stranger's",
    async (part) => {
      const [cert, key] = [`${prefixes[part]}_CERT_FILE`, `${prefixes[part]}_KEY_FILE`];
      const nobody = await refusalOf(part, { [cert]: undefined, [key]: undefined });
      expect(nobody).not.toBe("it was let in");
      const stranger = await (await TestAuthority.create("CN=stranger")).files(folder.path, randomUUID(), [
        "url:spiffe://cos/access",
      ]);
      const other = await refusalOf(part, { [cert]: stranger.certFile, [key]: stranger.keyFile });
      expect(other).toMatchObject({ code: codes[part] });
    },
  );

  it("may be killed and come back: what was published and what was asked goes on under TLS", async () => {
    const host = await processWith({ COS_BROKERS_PATIENCE_SECONDS: "60" });
    const [log, db, objects] = [
      await host.log(),
      await host.db(),
      await host.objects({ createBucket: true }),
    ];
    await log.declare({ name: "restarts.v1", partitions: 1 });
    const seen: string[] = [];
    const handle = async ({ headers }: { headers: { messageId: string } }) =>
      void seen.push(headers.messageId);
    const subscription = await log.subscribe({ group: "restarts", topic: "restarts.v1", handle });
    const publish = (messageId: string) => {
      const headers = { messageId, producer: "test", mode: "live" } as const;
      return log.publish([{ topic: "restarts.v1", key: "k", value: new Uint8Array(1), headers }]);
    };
    await publish("before");
    const { broker, servers } = secure;
    await Promise.all([broker.kill(), servers.postgres.kill(), servers.s3.kill()]);
    await expect(db.query("SELECT 1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" }); // An outage, no distrust.
    await expect(objects.head(`objects/${"a".repeat(64)}`)).rejects.toMatchObject({
      code: "OBJECTS_UNAVAILABLE",
    });
    const meanwhile = publish("meanwhile");
    await Promise.all([broker.start(), servers.postgres.start(), servers.s3.start()]);
    await meanwhile;
    await expect.poll(() => seen, { timeout: 60_000 }).toEqual(["before", "meanwhile"]);
    expect((await db.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    expect((await objects.head(`objects/${"a".repeat(64)}`)).ok).toBe(false);
    await subscription.close();
  });

  it("are believed under a new authority once its file lies there, without a restart", async () => {
    const own = await authority.files(folder.path, "moving");
    const stranger = await TestAuthority.create("CN=before the rotation");
    await writeFile(own.caFile, stranger.pem);
    const files = Object.fromEntries(parts.map((part) => [`${prefixes[part]}_CA_FILE`, own.caFile]));
    const host = await processWith(files);
    const [db, objects] = [await host.db(), await host.objects()];
    const cache = (await host.cache(() => {})) as { ping(): Promise<void> };
    const answers = () =>
      Promise.all(
        [
          db.query("SELECT 1"),
          objects.head(`objects/${"a".repeat(64)}`),
          cache.ping(),
          uses.brokers(host),
        ].map((asked) =>
          asked.then(
            () => "there",
            (error: { code?: string }) => error.code,
          ),
        ),
      );
    expect((await answers()).includes("there")).toBe(false);
    await writeFile(own.caFile, authority.pem);
    const all = ["there", "there", "there", "there"];
    await expect.poll(answers, { timeout: 60_000, interval: 500 }).toEqual(all);
  });

  it("are never reached in the clear instead", async () => {
    const inTheClear = async (name: string, url: string) => ({ [name]: await fileOf(url) });
    const plain = {
      cache: await inTheClear("COS_CACHE_URL_FILE", secure.redis.replace("rediss:", "redis:")),
      objects: await inTheClear(
        "COS_OBJECT_STORE_URL_FILE",
        `${secure.s3}/bucket`.replace("https:", "http:"),
      ),
      database: await inTheClear("COS_DATABASE_URL_FILE", `${secure.postgres}?sslmode=disable`),
      brokers: { COS_BROKERS_TLS: "false" },
    };
    for (const part of parts) {
      const said = String(await refusalOf(part, plain[part]));
      expect(said).toMatch(/TLS/);
      expect(said).toMatch(/^(Type)?Error/);
    }
    for (const mode of ["prefer", "require", "no-verify", "verify-ca"]) {
      const url = `${secure.postgres}?sslmode=${mode}`;
      const refused = await refusalOf("database", { COS_DATABASE_URL_FILE: await fileOf(url) });
      expect(String(refused)).toMatch(/TypeError/);
    }
  });

  it("get no password in the clear off this machine", async () => {
    const host = await processWith({
      COS_BROKERS: "broker.example:9092",
      COS_BROKERS_CA_FILE: undefined,
      COS_BROKERS_CERT_FILE: undefined,
      COS_BROKERS_KEY_FILE: undefined,
    });
    await expect(host.log()).rejects.toThrow(/in the clear/);
  });

  it("are not started upon with files that do not fit", async () => {
    const changes = { COS_DATABASE_KEY_FILE: (await authority.files(folder.path, "other")).keyFile };
    await expect((await processWith(changes)).db()).rejects.toThrow(
      /COS_DATABASE_CA_FILE.*not the certificate's/,
    );
    const keyless = await processWith({ COS_CACHE_KEY_FILE: undefined });
    await expect(keyless.cache(() => {})).rejects.toThrow(/together/);
  });
});
