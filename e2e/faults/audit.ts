import type { CosClient } from "@cos/client";
import { Client as Minio } from "minio";
import pg from "pg";
import { chainState, type RunJob } from "./jobs.ts";
import type { Stage } from "./stage.ts";

export type Finding = { readonly rule: string; readonly ok: boolean; readonly seen: string };

/** What the chain says about the permits: ends, results and payments, each counted from its logs. */
export async function auditChain(
  client: CosClient,
  jobs: readonly Pick<RunJob, "permitId">[],
): Promise<Finding[]> {
  const { chain } = client;
  const all = async (contract: "JobPermits" | "Settlement", event: string) =>
    chain.findEvents(contract, event, []);
  const [results, accepted, refunded, released, lapsed, locked, credited] = await Promise.all([
    all("JobPermits", "JobResult"),
    all("JobPermits", "JobAccepted"),
    all("JobPermits", "JobRefunded"),
    all("JobPermits", "JobReleased"),
    all("JobPermits", "JobLapsed"),
    all("Settlement", "FeeLocked"),
    all("Settlement", "Credited"),
  ]);
  const of = (events: typeof results, key: "permitId" | "key", permitId: string) =>
    events.filter(({ args }) => String(args[key]) === permitId);
  let oneEnd = 0;
  let oneResult = 0;
  let onePayment = 0;
  let completed = 0;
  let paidBack = 0;
  for (const { permitId } of jobs) {
    const state = await chainState(client, permitId);
    const ended =
      of(refunded, "permitId", permitId).length +
      of(released, "permitId", permitId).length +
      of(lapsed, "permitId", permitId).length;
    const atEnd = state === "REFUNDED" || state === "RELEASED" || state === "LAPSED";
    if (atEnd && ended === 1) oneEnd++;
    const lock = of(locked, "key", permitId);
    const paid = of(credited, "key", permitId).reduce(
      (total, { args }) => total + (args.amount as bigint),
      0n,
    );
    if (lock.length === 1 && paid === (lock[0]?.args.amount as bigint)) onePayment++;
    if (state === "REFUNDED") paidBack++;
    else completed++;
    const wanted = state === "REFUNDED" ? 0 : 1;
    if (
      of(results, "permitId", permitId).length === wanted &&
      of(accepted, "permitId", permitId).length === wanted
    )
      oneResult++;
  }
  const each = (n: number) => `${n} of ${jobs.length}`;
  return [
    { rule: "every permit has exactly one terminal state", ok: oneEnd === jobs.length, seen: each(oneEnd) },
    {
      rule: "one result and one acceptance for each completed job, none for a refunded one",
      ok: oneResult === jobs.length,
      seen: `${each(oneResult)} (${completed} completed, ${paidBack} refunded)`,
    },
    {
      rule: "the locked fee went out once, to the last unit",
      ok: onePayment === jobs.length,
      seen: each(onePayment),
    },
  ];
}

/** Every token that was minted lies with somebody. */
export async function auditMoney(client: CosClient, holders: readonly string[]): Promise<Finding> {
  const token = client.platform.chain.feeTokens[0]?.address ?? "";
  const { chain } = client;
  const minted = await chain.readToken<bigint>(token, "totalSupply");
  const held = await Promise.all(
    [...new Set(holders.map((each) => each.toLowerCase()))].map((each) =>
      chain.readToken<bigint>(token, "balanceOf", [each]),
    ),
  );
  const settlement = chain.addressOf("Settlement");
  const inSettlement = await chain.readToken<bigint>(token, "balanceOf", [settlement]);
  const credits = await chain.findEvents("Settlement", "Credited", []);
  const owed = new Map<string, bigint>();
  for (const { args } of credits) owed.set(String(args.account ?? args.to), 0n);
  for (const account of owed.keys()) {
    owed.set(account, await chain.read<bigint>("Settlement", "balanceOf", [token, account]));
  }
  const debts = [...owed.values()].reduce((a, b) => a + b, 0n);
  const sum = held.reduce((a, b) => a + b, 0n) + inSettlement;
  return {
    rule: "balances add up to what was minted, and the settlement contract holds what it owes",
    ok: sum === minted && inSettlement === debts,
    seen: `minted ${minted}, held ${sum}; owed ${debts}, in the contract ${inSettlement}`,
  };
}

const schemas = ["access", "gateway", "orchestrator", "settlement"] as const;

/** What the databases say when everything is quiet. */
export async function auditRows(stage: {
  readonly direct: Pick<Stage["direct"], "postgres">;
}): Promise<Finding[]> {
  const client = new pg.Client({ connectionString: stage.direct.postgres });
  await client.connect();
  const count = async (sql: string): Promise<number> =>
    Number((await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${sql}`)).rows[0]?.n ?? -1);
  try {
    const leases = await count(
      `orchestrator.replica r JOIN orchestrator.job j USING (job_id)
       WHERE r.state = 'RUNNING'`,
    );
    let unsent = 0;
    let parked = 0;
    for (const schema of schemas) {
      unsent += await count(`${schema}.outbox WHERE sent_at IS NULL`);
      parked += await count(`${schema}.dead_letter`);
    }
    const open = await count(
      `settlement.intent WHERE state NOT IN ('final', 'replaced', 'failed', 'confirmed')`,
    );
    return [
      { rule: "no orphaned lease", ok: leases === 0, seen: `${leases} running` },
      { rule: "no message waits in an outbox", ok: unsent === 0, seen: `${unsent} unsent` },
      { rule: "no message was parked", ok: parked === 0, seen: `${parked} dead letters` },
      { rule: "no transaction is open", ok: open === 0, seen: `${open} intents` },
    ];
  } finally {
    await client.end();
  }
}

/** Objects that nothing names, and uploads that were begun and never ended. */
export async function auditObjects(stage: Stage): Promise<Finding[]> {
  const url = new URL(stage.direct.s3);
  const minio = new Minio({
    endPoint: url.hostname,
    port: Number(url.port),
    useSSL: false,
    accessKey: decodeURIComponent(url.username),
    secretKey: decodeURIComponent(url.password),
  });
  const keys: string[] = [];
  for await (const item of minio.listObjectsV2("cos", "", true)) keys.push((item as { name: string }).name);
  let begun = 0;
  for await (const _ of minio.listIncompleteUploads("cos", "", true)) begun++;
  const client = new pg.Client({ connectionString: stage.direct.postgres });
  await client.connect();
  try {
    const { rows } = await client.query<{ digest: string }>(
      "SELECT digest FROM orchestrator.upload u WHERE NOT EXISTS (SELECT 1 FROM orchestrator.task t JOIN orchestrator.job j USING (job_id) WHERE t.output_digest = u.digest)",
    );
    return [
      {
        rule: "no upload was left half-way",
        ok: begun === 0,
        seen: `${begun} incomplete of ${keys.length} objects`,
      },
      {
        rule: "no output lies about that nothing names",
        ok: rows.length === 0,
        seen: `${rows.length} unnamed`,
      },
    ];
  } finally {
    await client.end();
  }
}
