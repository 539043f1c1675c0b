import { asAddress, Op } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import {
  checkTicketOp,
  type DatasetFacts,
  type DatasetWish,
  decideDatasetTicket,
  decideFinality,
  decideOwnDataset,
  decideUpload,
} from "./decide-issue.ts";

const owner = asAddress(`0x${"a1".repeat(20)}`);
const other = asAddress(`0x${"b2".repeat(20)}`);
const gateway = asAddress(`0x${"c3".repeat(20)}`);
const codeOf = (result: { ok: true } | { ok: false; error: { code: string } }): string =>
  result.ok ? "OK" : result.error.code;

const dataset = (reasons: string[], changes: Partial<DatasetFacts> = {}): DatasetFacts => ({
  owner,
  status: "active",
  suspended: false,
  versions: reasons.map((reason, i) => ({ version: i + 1, reason })),
  ...changes,
});

describe("decideUpload", () => {
  const wish = { sbtId: "7", maxBytes: 40, usedBytes: 60, quotaBytes: 100 };
  it.each([
    [wish, "OK"],
    [{ ...wish, maxBytes: 41 }, "QUOTA_EXCEEDED"],
    [{ ...wish, maxBytes: 0 }, "INVALID_FIELD"],
    [{ ...wish, sbtId: undefined }, "IDENTITY_MISSING"],
  ])("%o: %s", (asked, code) => expect(codeOf(decideUpload(asked))).toBe(code));
});

describe("decideOwnDataset", () => {
  it("gives the owner the newest version when none is named", () => {
    expect(decideOwnDataset(owner, dataset(["initial", "append"]), 0)).toEqual({
      ok: true,
      value: { version: 2 },
    });
  });
  it.each([
    [other, dataset(["initial"]), 0, "NOT_OWNER"],
    [owner, dataset(["initial"], { suspended: true }), 0, "DATASET_UNAVAILABLE"],
    [owner, dataset(["initial"]), 2, "NOT_FOUND"],
    [owner, dataset(["initial", "withdraw"]), 1, "OK"],
  ])("%s %o %i: %s", (caller, facts, version, code) => {
    expect(codeOf(decideOwnDataset(caller, facts, version))).toBe(code);
  });
});

describe("decideDatasetTicket", () => {
  const wish: DatasetWish = {
    op: Op.READ,
    grantId: "5",
    versionDepth: "confirmed",
    session: {
      grantId: "5",
      grantee: other,
      op: Op.READ,
      gateway,
      reserved: 3,
      issued: 2,
      depth: "confirmed",
    },
    caller: other,
    gateway,
  };
  const session = wish.session!;
  const exporting = { ...session, op: Op.EXPORT };
  it.each<[string, Partial<DatasetWish>, string]>([
    ["the last reserved ticket", {}, "OK"],
    ["one more than reserved", { session: { ...session, issued: 3 } }, "TICKETS_EXHAUSTED"],
    ["no session", { session: undefined }, "SESSION_UNKNOWN"],
    ["another grant's session", { session: { ...session, grantId: "6" } }, "SESSION_UNKNOWN"],
    ["another grantee's session", { session: { ...session, grantee: owner } }, "SESSION_UNKNOWN"],
    ["a session at another gateway", { session: { ...session, gateway: owner } }, "SESSION_UNKNOWN"],
    ["a session for EXPORT used to READ", { session: { ...session, op: Op.EXPORT } }, "SESSION_UNKNOWN"],
    [
      "EXPORT before the session is final",
      { op: Op.EXPORT, session: exporting, versionDepth: "finalized" },
      "NOT_FINAL",
    ],
    [
      "EXPORT before the version is final",
      { op: Op.EXPORT, session: { ...exporting, depth: "finalized" } },
      "NOT_FINAL",
    ],
    [
      "EXPORT when both are final",
      { op: Op.EXPORT, session: { ...exporting, depth: "finalized" }, versionDepth: "finalized" },
      "OK",
    ],
  ])("%s", (_name, changes, code) => {
    expect(codeOf(decideDatasetTicket({ ...wish, ...changes }))).toBe(code);
  });
});

describe("decideFinality", () => {
  it("lets READ follow confirmations", () => {
    expect(codeOf(decideFinality(Op.READ, { session: "confirmed", version: undefined }))).toBe("OK");
    expect(codeOf(decideFinality(Op.EXPORT, { session: "finalized", version: undefined }))).toBe("NOT_FINAL");
  });
});

describe("checkTicketOp", () => {
  it.each([
    [Op.READ, "OK"],
    [Op.EXPORT, "OK"],
    [Op.READ | Op.EXPORT, "INVALID_FIELD"],
    [Op.COMPUTE, "INVALID_FIELD"],
    [0, "INVALID_FIELD"],
  ])("%i: %s", (op, code) => expect(codeOf(checkTicketOp(op))).toBe(code));
});
