import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { messagingTables } from "../../packages/store/src/messaging-tables.ts";
import { accessMigrations } from "../../services/access/src/adapters/store/migrations.ts";
import { gatewayMigrations } from "../../services/gateway/src/adapters/store/migrations.ts";
import { migrations as orchestratorMigrations } from "../../services/orchestrator/src/adapters/postgres/migrations.ts";
import { settlementMigrations } from "../../services/settlement/src/adapters/store/migrations.ts";

/**
 * Steps that deployments have run, with the beginning of their SHA-256. Steps of a release are added here when it is
 * made; a line that is here never changes. `before` marks those from before the rule that a new step only adds.
 */
const ran = {
  messaging: ["messaging-0001 25ef90cf8e666cd3 before", "messaging-0002-inbox-age 9d55bd454b49a5fb"],
  access: ["0001-mirror 80a425d4f5edb020 before", "0002-logs-by-height 1e9d2bd71b05ce30 before"],
  gateway: [
    "gateway-0001-sessions 70f0876e9ecc9865 before",
    "gateway-0002-chain-facts 6539c644efe14d80 before",
    "gateway-0003-tickets 02e334cb91042146 before",
    "gateway-0004-transfers a45590a53b8890d5 before",
    "gateway-0005-uploads 3597666525664e32 before",
    "gateway-0006-closings ce92c2fb8eda7b3b",
    "gateway-0007-oidc-bindings 75994dafab1efaa4",
    "gateway-0008-sessions-known 54725bfa9698e504",
  ],
  orchestrator: ["0001-jobs f3bcdbc702ded26c before", "0002-work-distribution 4e8718649563f2c3 before"],
  settlement: ["0001-settlement 7692ff1c1c6ff3a2 before", "0002-intent-created fc3cb56a1a7cdf84 before"],
};

const steps = {
  messaging: messagingTables,
  access: accessMigrations.steps,
  gateway: gatewayMigrations.steps,
  orchestrator: orchestratorMigrations.steps,
  settlement: settlementMigrations.steps,
};

const digestOf = (sql: string): string => createHash("sha256").update(sql).digest("hex").slice(0, 16);

describe.each(Object.keys(ran) as (keyof typeof ran)[])("the schema of %s", (schema) => {
  it("keeps every step that has run, byte for byte, and in its place", () => {
    const now = steps[schema].map(({ id, sql }) => `${id} ${digestOf(sql)}`);
    expect(now.slice(0, ran[schema].length)).toEqual(ran[schema].map((line) => line.replace(/ before$/, "")));
  });

  it("grows by steps that the release before can live with", () => {
    const old = new Set(
      ran[schema].filter((line) => line.endsWith(" before")).map((line) => line.split(" ")[0]),
    );
    const breaking = steps[schema].filter(({ id, compatible }) => !old.has(id) && compatible !== true);
    expect(breaking.map(({ id }) => id)).toEqual([]);
  });
});
