import { asAddress, asDigest } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { decideRedemption, type Presentation } from "./decide-redemption.ts";

const holder = asAddress(`0x${"a1".repeat(20)}`);
const stranger = asAddress(`0x${"b2".repeat(20)}`);
const issuedAt = 1_800_000_000;

const shown = (changes: Partial<Presentation> = {}): Presentation => ({
  ticket: {
    ticketId: asDigest(`0x${"11".repeat(32)}`),
    holder,
    audience: "https://gateway.example",
    issuedAt,
    expiresAt: issuedAt + 900,
    subject: { kind: "UPLOAD", maxBytes: 10 },
  },
  audience: "https://gateway.example",
  caller: holder,
  holderProved: true,
  proofIssuedAt: issuedAt,
  revoked: false,
  redeemed: false,
  ...changes,
});

const codeAt = (changes: Partial<Presentation>, now: number): string => {
  const decision = decideRedemption(shown(changes), now);
  return decision.ok ? "OK" : decision.error.code;
};

describe("decideRedemption", () => {
  it.each([
    [0, "OK"],
    [899, "OK"],
    [900, "TICKET_EXPIRED"],
    [901, "TICKET_EXPIRED"],
  ])("a ticket %i s old: %s", (age, code) => {
    expect(codeAt({ proofIssuedAt: issuedAt + age }, issuedAt + age)).toBe(code);
  });

  it.each([
    [-61, "TICKET_PROOF_STALE"],
    [-60, "OK"],
    [60, "OK"],
    [61, "TICKET_PROOF_STALE"],
  ])("a proof %i s off the clock: %s", (offset, code) => {
    expect(codeAt({ proofIssuedAt: issuedAt + 100 + offset }, issuedAt + 100)).toBe(code);
  });

  it.each([
    [{ audience: "https://other.example" }, "TICKET_WRONG_AUDIENCE"],
    [{ caller: stranger }, "TICKET_NOT_YOURS"],
    [{ holderProved: false }, "TICKET_NOT_YOURS"],
    [{ revoked: true }, "TICKET_REVOKED"],
    [{ redeemed: true }, "TICKET_REPLAYED"],
    [{ redeemed: true, caller: stranger }, "TICKET_NOT_YOURS"],
  ] as const)("%o: %s", (changes, code) => {
    expect(codeAt(changes, issuedAt + 1)).toBe(code);
  });
});
