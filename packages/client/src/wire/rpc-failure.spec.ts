import { RpcFault } from "@cos/service-host/rpc-fault";
import { expect, it } from "vitest";
import { rpcFailure } from "./rpc-failure.ts";

it("keeps a service's code and facts, and names the clause behind the code", () => {
  const fault = new RpcFault("PERMISSION_DENIED", "GRANT_EXPIRED", {
    expiry: 1_700_000_000,
    nested: { a: 1 },
  });
  expect(rpcFailure(fault)).toMatchObject({
    kind: "refused",
    code: "GRANT_EXPIRED",
    clause: 4,
    facts: { expiry: 1_700_000_000, nested: '{"a":1}' },
  });
});

it("takes the orchestrator's code out of the gateway's envelope", () => {
  const fault = new RpcFault("FAILED_PRECONDITION", "JOB_REFUSED", { reason: "TRAIT_UNKNOWN" });
  expect(rpcFailure(fault)).toMatchObject({ kind: "refused", code: "TRAIT_UNKNOWN" });
});

it.each([
  ["INVALID_ARGUMENT", "usage"],
  ["NOT_FOUND", "not-found"],
  ["UNAUTHENTICATED", "refused"],
  ["RESOURCE_EXHAUSTED", "refused"],
  ["DATA_LOSS", "integrity"],
  ["INTERNAL", "unavailable"],
] as const)("%s is %s", (status, kind) => {
  expect(rpcFailure(new RpcFault(status, "SOME_CODE"))).toMatchObject({ kind });
});

it("says that nobody answers when nobody answers", () => {
  expect(rpcFailure(new RpcFault("UNAVAILABLE", "UNAVAILABLE"))).toMatchObject({
    code: "PLATFORM_UNREACHABLE",
  });
  const behind = new RpcFault("UNAVAILABLE", "MIRROR_BEHIND");
  expect(rpcFailure(behind)).toMatchObject({ kind: "unavailable", code: "MIRROR_BEHIND" });
});

it("leaves bugs alone", () => {
  const bug = new TypeError("x");
  expect(rpcFailure(bug)).toBe(bug);
});
