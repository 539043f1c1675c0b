import { expect, it } from "vitest";
import { z } from "zod";
import { environmentKey, readConfig } from "./config.ts";

const settings = {
  grpcPort: { schema: z.coerce.number().int().min(0).max(65_535).default(0), meaning: "gRPC port" },
  token: { schema: z.string().min(8), meaning: "shared secret" },
};

it("names the environment's keys after the settings", () => {
  expect(environmentKey("COS_ACCESS_", "grpcPort")).toBe("COS_ACCESS_GRPC_PORT");
});

it("reports all faults together, by key and never by value", () => {
  const result = readConfig(settings, "COS_X_", { COS_X_GRPC_PORT: "99999", COS_X_TOKEN: "short" });
  expect(result).toMatchObject({
    ok: false,
    error: { faults: [{ key: "COS_X_GRPC_PORT" }, { key: "COS_X_TOKEN" }] },
  });
  expect(JSON.stringify(result)).not.toMatch(/short|99999/);
});

it("fills defaults and freezes", () => {
  const result = readConfig(settings, "COS_X_", { COS_X_TOKEN: "long enough" });
  expect(result).toEqual({ ok: true, value: { grpcPort: 0, token: "long enough" } });
  expect(result.ok && Object.isFrozen(result.value)).toBe(true);
});
