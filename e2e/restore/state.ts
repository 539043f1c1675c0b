import { createHash } from "node:crypto";
import type { CosClient } from "@cos/client";
import { Op } from "@cos/protocol";
import type { Ground } from "./ground.ts";

/** What a deployment knows, each part as lines that can be compared. */
export type State = Readonly<Record<string, readonly string[]>>;

/**
 * What must come back equal from chain and objects alone, asked while nobody adds to the chain.
 * `access` must answer and have read the chain to its head; rows are read from the store.
 */
export async function readMirror(client: CosClient, ground: Ground): Promise<State> {
  const models = await ground.rows<{ line: string; kind: string }>(
    "SELECT kind, kind || ' ' || id || ' ' || state::text || ' ' || since_block AS line FROM access.read_model ORDER BY 2",
  );
  const kinds = [...new Set(models.map(({ kind }) => kind))].sort();
  const byKind = kinds.map((kind) => [
    `access: ${kind}`,
    models.filter((model) => model.kind === kind).map(({ line }) => line),
  ]);
  const logs = await ground.rows<{ line: string }>(
    `SELECT block_number || '/' || log_index || ' ' || block_hash || ' ' || stage || ' ' || encode(sha256(event), 'hex')
       AS line FROM access.chain_log ORDER BY block_number, log_index`,
  );
  return {
    ...Object.fromEntries(byKind),
    "access: mirrored logs": logs.map(({ line }) => line),
    "permit decisions": await decisions(client),
  };
}

/** Every grant, asked what it allows and what it does not: the codes are compared too. */
async function decisions(client: CosClient): Promise<string[]> {
  const { access } = client.services;
  const { grants } = await access.listGrants({ datasetId: "", grantee: new Uint8Array() });
  const lines: string[] = [];
  for (const { terms } of grants) {
    if (!terms) continue;
    const asked = {
      grantId: terms.grantId,
      datasetId: terms.datasetId,
      grantee: terms.grantee,
      opMask: Op.COMPUTE as number,
      purposeHash: terms.purposeHash,
      regionCode: terms.regionCode,
      tickets: 0,
      epsilonMicro: 0n,
      deltaNano: 0n,
      exactReleases: 0,
      version: 0,
      algorithmId: new Uint8Array(),
      permitId: new Uint8Array(),
    };
    const questions: Readonly<Record<string, Partial<typeof asked>>> = {
      "as granted": {},
      "to read": { opMask: Op.READ },
      "by another": { grantee: new Uint8Array(20).fill(7) },
      "for another purpose": { purposeHash: new Uint8Array(32).fill(7) },
      elsewhere: { regionCode: new Uint8Array(32).fill(7) },
      "an older version": { version: 1 },
    };
    for (const [name, other] of Object.entries(questions)) {
      const { allowed, code, clause } = await access.checkAccess({ ...asked, ...other });
      lines.push(`grant ${terms.grantId} ${name}: ${allowed ? "yes" : `${code} (clause ${clause})`}`);
    }
  }
  return lines;
}

/** What consumers of the mirrored chain made of it, once they have read to its end. */
export async function readFollowers(ground: Ground): Promise<State> {
  const of = async (sql: string) => (await ground.rows<{ line: string }>(sql)).map(({ line }) => line);
  return {
    "gateway: facts": await of(
      "SELECT subject || ' ' || block_hash || '/' || log_index || ' ' || fact::text AS line FROM gateway.chain_facts ORDER BY 1",
    ),
    "settlement: permits": await of(
      "SELECT permit_id || ' ' || record::text || ' ' || final AS line FROM settlement.permit ORDER BY 1",
    ),
    "settlement: grant terms": await of(
      "SELECT grant_id || ' ' || purpose_hash || ' ' || audit_each_use AS line FROM settlement.grant_terms ORDER BY 1",
    ),
    "settlement: ledger": await of(
      `SELECT block_number || '/' || log_index || ' ' || encode(sha256(event), 'hex') AS line
       FROM settlement.chain_log ORDER BY block_number, log_index`,
    ),
    "orchestrator: ended jobs": await of(
      `SELECT job_id || ' ' || CASE state WHEN 'SETTLED' THEN 'COMMITTED' ELSE state END || ' ' ||
         coalesce(posted_commitment, '-') || ' ' || coalesce(posted_uri, '-') || ' ' || (terms->>'paramsHash') AS line
       FROM orchestrator.job WHERE state IN ('COMMITTED', 'SETTLED', 'CANCELLED') ORDER BY 1`,
    ),
  };
}

/** Who owns how much, by the chain and by the settlement contract. */
export async function readBalances(client: CosClient, accounts: readonly string[]): Promise<string[]> {
  const token = client.platform.chain.feeTokens[0]?.address ?? "";
  const lines: string[] = [];
  for (const account of accounts) {
    const held = await client.chain.readToken<bigint>(token, "balanceOf", [account]);
    const owed = await client.chain.read<bigint>("Settlement", "balanceOf", [token, account]);
    lines.push(`${account} holds ${held}, may withdraw ${owed}`);
  }
  return lines;
}

/** The first line in which two parts differ; undefined when they are equal. */
export function firstDifference(before: readonly string[], after: readonly string[]): string | undefined {
  const length = Math.max(before.length, after.length);
  for (let at = 0; at < length; at++) {
    if (before[at] === after[at]) continue;
    return `line ${at + 1}: ${short(before[at])} became ${short(after[at])}`;
  }
  return undefined;
}

const short = (line: string | undefined): string =>
  line === undefined
    ? "nothing"
    : line.length < 200
      ? line
      : `${line.slice(0, 160)}… (${createHash("sha256").update(line).digest("hex").slice(0, 12)})`;
