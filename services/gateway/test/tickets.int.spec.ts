import { createHash, randomBytes } from "node:crypto";
import { Stage } from "@cos/proto/chain";
import { asDigest, Op, OutputPolicy } from "@cos/protocol";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StoredVersion, storeObject, storeParts, storeVersion } from "./dataset-fixture.ts";
import { bytesOf, GatewayHarness, hexOf, refusalOf } from "./gateway-harness.ts";

const harness = new GatewayHarness({
  duplicates: true,
  settings: { COS_GATEWAY_UPLOAD_QUOTA_BYTES: "10000" },
});
const owner = Wallet.createRandom();
const grantee = Wallet.createRandom();
const stranger = Wallet.createRandom();
const purposeHash = randomBytes(32);
const region = Buffer.concat([Buffer.from("eu"), Buffer.alloc(30)]);
let version: StoredVersion;

const READ = 1;
const kinds = { upload: 1, dataset: 2, own: 3, result: 4 } as const;
const allowed = { allowed: true, version: 1 } as const;
const refused = (code: string, clause: number) => ({ allowed: false, code, clause }) as const;

beforeAll(async () => {
  await harness.start();
  version = await storeVersion(harness.objects.store, 1, "append", await storeParts(harness.objects.store));
  harness.access.setDataset({
    datasetId: "1",
    owner: bytesOf(owner.address),
    versions: [
      {
        version: 1,
        reason: "initial",
        manifestUri: version.uri,
        manifestCommitment: bytesOf(version.commitment),
      },
    ],
  });
  harness.access.check = () => allowed;
  await harness.mintIdentity(owner, "1");
  await harness.mintIdentity(grantee, "2");
});
afterAll(() => harness.stop());

/** Reserves tickets on chain, as the mirror tells it. */
async function reserve(count: number, changes: Record<string, unknown> = {}, stage?: Stage) {
  const sessionId = randomBytes(32);
  const value = {
    sessionId,
    grantId: "5",
    count: BigInt(count),
    grantee: bytesOf(grantee.address),
    opMask: READ,
    gateway: bytesOf(harness.gatewayKey.address),
    ...changes,
  };
  const event = await harness.mirror({ $case: "ticketsReserved", value } as never, stage);
  return { sessionId, event };
}

const datasetWish = (sessionId: Uint8Array, changes = {}) => ({
  kind: kinds.dataset,
  datasetId: "1",
  grantId: "5",
  sessionId: Buffer.from(sessionId),
  opMask: READ,
  purposeHash,
  ...changes,
});

describe("UPLOAD", () => {
  it("needs a live identity", async () => {
    const nobody = Wallet.createRandom();
    const caller = await harness.signIn(nobody);
    const wish = { kind: kinds.upload, maxBytes: 10n };
    expect(await refusalOf(harness.issue(caller, wish))).toBe("IDENTITY_MISSING");
    await harness.mintIdentity(nobody, "40");
    const issued = await harness.issue(caller, wish);
    await harness.mirror({ $case: "identityBurned", value: { sbtId: "40" } as never });
    expect(await refusalOf(harness.redeem(caller, issued, nobody))).toBe("IDENTITY_MISSING");
    expect(await refusalOf(harness.issue(caller, wish))).toBe("IDENTITY_MISSING");
  });

  it("an identity that a reorganisation took back is none", async () => {
    const wallet = Wallet.createRandom();
    const minted = await harness.mintIdentity(wallet, "41");
    const caller = await harness.signIn(wallet);
    await harness.issue(caller, { kind: kinds.upload, maxBytes: 1n });
    await harness.mirror(minted.event as never, Stage.STAGE_RETRACTED, minted);
    expect(await refusalOf(harness.issue(caller, { kind: kinds.upload, maxBytes: 1n }))).toBe(
      "IDENTITY_MISSING",
    );
  });

  it("an identity that guardians moved is the new holder's", async () => {
    const [before, after] = [Wallet.createRandom(), Wallet.createRandom()];
    await harness.mintIdentity(before, "42");
    await harness.mirror({
      $case: "identityRecovered",
      value: { sbtId: "42", holder: bytesOf(after.address) } as never,
    });
    const wish = { kind: kinds.upload, maxBytes: 1n };
    expect(await refusalOf(harness.issue(await harness.signIn(before), wish))).toBe("IDENTITY_MISSING");
    await harness.issue(await harness.signIn(after), wish);
  });

  it("promises no more than the quota, open tickets counted", async () => {
    const wallet = Wallet.createRandom();
    await harness.mintIdentity(wallet, "43");
    const caller = await harness.signIn(wallet);
    const ask = (maxBytes: bigint) => harness.issue(caller, { kind: kinds.upload, maxBytes });
    expect(await refusalOf(ask(10_001n))).toBe("QUOTA_EXCEEDED");
    expect(await refusalOf(ask(0n))).toBe("INVALID_FIELD");
    expect(await refusalOf(ask(2n ** 63n))).toBe("INVALID_FIELD");
    const first = await ask(6_000n);
    expect(await refusalOf(ask(4_001n))).toBe("QUOTA_EXCEEDED");
    await ask(4_000n);
    await harness.tickets.revokeTicket({ ticketId: first.ticketId }, { metadata: caller });
    await ask(6_000n);
    harness.clock += 900; // The others were never redeemed and are void now.
    await harness.issue(await harness.signIn(wallet), { kind: kinds.upload, maxBytes: 10_000n });
  });
});

describe("redemption", () => {
  const uploadTicket = async () => {
    const caller = await harness.signIn(grantee);
    return { caller, issued: await harness.issue(caller, { kind: kinds.upload, maxBytes: 1n }) };
  };

  it.each([
    [899, "OK"],
    [900, "TICKET_EXPIRED"],
    [901, "TICKET_EXPIRED"],
  ])("of a ticket %i s old: %s", async (age, outcome) => {
    const { issued } = await uploadTicket();
    expect(issued.expiresAt?.getTime()).toBe((harness.clock + 900) * 1000);
    harness.clock += age;
    const caller = await harness.signIn(grantee);
    const redeemed = harness.redeem(caller, issued, grantee);
    expect(
      await redeemed.then(
        () => "OK",
        (error) => error.code,
      ),
    ).toBe(outcome);
  });

  it("works once, also when it is sent twice at the same time", async () => {
    const { caller, issued } = await uploadTicket();
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => harness.redeem(caller, issued, grantee)));
    const codes = outcomes.map((o) => (o.status === "fulfilled" ? "OK" : o.reason.code)).sort();
    expect(codes).toEqual(["OK", "TICKET_REPLAYED", "TICKET_REPLAYED"]);
    expect(await refusalOf(harness.redeem(caller, issued, grantee))).toBe("TICKET_REPLAYED");
  });

  it("is the holder's only: neither a thief's session nor a thief's signature will do", async () => {
    const { caller, issued } = await uploadTicket();
    const thief = await harness.signIn(stranger);
    expect(await refusalOf(harness.redeem(thief, issued, stranger))).toBe("TICKET_NOT_YOURS");
    expect(await refusalOf(harness.redeem(thief, issued, grantee))).toBe("TICKET_NOT_YOURS");
    expect(await refusalOf(harness.redeem(caller, issued, stranger))).toBe("TICKET_NOT_YOURS");
    const elsewhere = { audience: "https://other-gateway.example" };
    expect(await refusalOf(harness.redeem(caller, issued, grantee, elsewhere))).toBe("TICKET_NOT_YOURS");
    await harness.redeem(caller, issued, grantee);
  });

  it("wants a fresh proof", async () => {
    const { caller, issued } = await uploadTicket();
    const at = (offset: number) =>
      harness.redeem(caller, issued, grantee, { issuedAt: harness.clock + offset });
    expect(await refusalOf(at(-61))).toBe("TICKET_PROOF_STALE");
    expect(await refusalOf(at(61))).toBe("TICKET_PROOF_STALE");
    await at(60);
  });

  it("refuses a ticket that was changed, or signed by someone else", async () => {
    const { caller, issued } = await uploadTicket();
    const [head, body, signature] = issued.ticket.split(".") as [string, string, string];
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    claims.ticket.maxBytes = 1_000_000;
    const forged = Buffer.from(JSON.stringify(claims)).toString("base64url");
    const none = Buffer.from('{"alg":"none","typ":"cos-ticket+jwt"}').toString("base64url");
    for (const ticket of [`${head}.${forged}.${signature}`, `${none}.${body}.`, "abc", "a.b.c"]) {
      expect(await refusalOf(harness.redeem(caller, { ...issued, ticket }, grantee))).toBe("TICKET_INVALID");
    }
  });

  it("refuses a revoked ticket; revoking is the holder's and may be repeated", async () => {
    const { caller, issued } = await uploadTicket();
    const { ticketId } = issued;
    const thief = await harness.signIn(stranger);
    expect(await refusalOf(harness.tickets.revokeTicket({ ticketId }, { metadata: thief }))).toBe(
      "NOT_FOUND",
    );
    await harness.tickets.revokeTicket({ ticketId }, { metadata: caller });
    await harness.tickets.revokeTicket({ ticketId }, { metadata: caller });
    expect(await refusalOf(harness.redeem(caller, issued, grantee))).toBe("TICKET_REVOKED");
  });
});

describe("DATASET", () => {
  it("asks the ten clauses with this gateway's region, and never issues more tickets than were reserved", async () => {
    const asked: { regionCode: string; version: number; op: number }[] = [];
    harness.access.regions.set(harness.gatewayKey.address.slice(2).toLowerCase(), {
      regionCode: region,
      expiry: BigInt(harness.clock + 1_000_000),
    });
    harness.access.check = ({ regionCode, version: v, opMask: op }) => {
      asked.push({ regionCode: hexOf(regionCode), version: v, op });
      return allowed;
    };
    const caller = await harness.signIn(grantee);
    const { sessionId, event } = await reserve(2);
    await harness.mirror(event.event as never, Stage.STAGE_FINALIZED, event);
    const wish = datasetWish(sessionId);
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => harness.issue(caller, wish)));
    const codes = outcomes.map((o) => (o.status === "fulfilled" ? "OK" : o.reason.code)).sort();
    expect(codes).toEqual(["OK", "OK", "TICKETS_EXHAUSTED", "TICKETS_EXHAUSTED"]);
    expect(asked[0]).toEqual({ regionCode: hexOf(region), version: 0, op: Op.READ });
  });

  it("says that it has no region once the attestation is over", async () => {
    const subject = harness.gatewayKey.address.slice(2).toLowerCase();
    harness.access.regions.set(subject, { regionCode: region, expiry: BigInt(harness.clock) });
    let seen = "";
    harness.access.check = ({ regionCode }) => {
      seen = hexOf(regionCode);
      return refused("REGION_MISMATCH", 5);
    };
    const { sessionId } = await reserve(1);
    const caller = await harness.signIn(grantee);
    expect(await refusalOf(harness.issue(caller, datasetWish(sessionId)))).toBe("REGION_MISMATCH");
    expect(seen).toBe(`0x${"00".repeat(32)}`);
    harness.access.check = () => allowed;
  });

  it.each([
    ["GRANT_EXPIRED", 4],
    ["GRANT_NOT_YET_VALID", 4],
    ["GRANT_REVOKED", 8],
    ["PURPOSE_MISMATCH", 3],
    ["OPERATION_NOT_GRANTED", 2],
    ["REGION_MISMATCH", 5],
    ["NO_GRANT", 0],
  ])("passes on which clause refuses: %s", async (code, clause) => {
    harness.access.check = () => refused(code, clause);
    const { sessionId } = await reserve(1);
    const caller = await harness.signIn(grantee);
    await expect(harness.issue(caller, datasetWish(sessionId))).rejects.toMatchObject({
      status: "PERMISSION_DENIED",
      code,
      facts: { clause, grantId: "5" },
    });
    harness.access.check = () => allowed;
    await harness.issue(caller, datasetWish(sessionId)); // The refusal used nothing up.
  });

  it.each<[string, Record<string, unknown>]>([
    ["of another grant", { grantId: "6" }],
    ["of another grantee", { grantee: bytesOf(stranger.address) }],
    ["at another gateway", { gateway: bytesOf(stranger.address) }],
    ["for another operation", { opMask: Op.EXPORT }],
  ])("refuses a session %s", async (_name, changes) => {
    const { sessionId } = await reserve(1, changes);
    const caller = await harness.signIn(grantee);
    expect(await refusalOf(harness.issue(caller, datasetWish(sessionId)))).toBe("SESSION_UNKNOWN");
  });

  it("a reservation that a reorganisation took back gives no ticket", async () => {
    const { sessionId, event } = await reserve(1);
    await harness.mirror(event.event as never, Stage.STAGE_RETRACTED, event);
    const caller = await harness.signIn(grantee);
    expect(await refusalOf(harness.issue(caller, datasetWish(sessionId)))).toBe("SESSION_UNKNOWN");
  });

  it("nor does it redeem one that was issued before", async () => {
    const { sessionId, event } = await reserve(1);
    const caller = await harness.signIn(grantee);
    const issued = await harness.issue(caller, datasetWish(sessionId));
    await harness.mirror(event.event as never, Stage.STAGE_RETRACTED, event);
    expect(await refusalOf(harness.redeem(caller, issued, grantee))).toBe("SESSION_UNKNOWN");
  });

  it("EXPORT waits until session and version are final", async () => {
    const versioned = {
      datasetId: "1",
      version: 1,
      manifestUri: version.uri,
      manifestCommitment: bytesOf(version.commitment),
      reason: "initial",
      parent: 0,
      effectiveAt: 0n,
    };
    const logged = await harness.mirror({ $case: "datasetVersioned", value: versioned });
    const { sessionId, event } = await reserve(3, { opMask: Op.EXPORT });
    const caller = await harness.signIn(grantee);
    const ask = () => harness.issue(caller, datasetWish(sessionId, { opMask: Op.EXPORT }));
    expect(await refusalOf(ask())).toBe("NOT_FINAL");
    await harness.mirror(event.event as never, Stage.STAGE_FINALIZED, event);
    await expect(ask()).rejects.toMatchObject({ code: "NOT_FINAL", facts: { what: "version" } });
    await harness.mirror(logged.event as never, Stage.STAGE_FINALIZED, logged);
    await harness.redeem(caller, await ask(), grantee);
  });

  it("asks again at redemption: revoked in between is GRANT_REVOKED", async () => {
    const { sessionId } = await reserve(2);
    const caller = await harness.signIn(grantee);
    const issued = await harness.issue(caller, datasetWish(sessionId));
    harness.access.check = () => refused("GRANT_REVOKED", 8);
    expect(await refusalOf(harness.redeem(caller, issued, grantee))).toBe("GRANT_REVOKED");
    harness.access.check = () => allowed;
    await harness.redeem(caller, issued, grantee); // A refusal is no redemption.
  });

  it("opens no transfer for a grant that is revoked while its ticket is being redeemed", async () => {
    const { sessionId } = await reserve(1);
    const caller = await harness.signIn(grantee);
    const issued = await harness.issue(caller, datasetWish(sessionId));
    harness.access.check = async () => {
      harness.access.check = () => refused("GRANT_REVOKED", 8);
      // The answer is on its way when the revocation arrives here.
      await harness.mirror({ $case: "accessRevoked", value: { grantId: "5", datasetId: "1" } as never });
      return allowed;
    };
    expect(await refusalOf(harness.redeem(caller, issued, grantee))).toBe("GRANT_REVOKED");
    const { rows } = await harness.db.query(
      "SELECT 1 FROM transfers WHERE grant_id = '5' AND closed_at IS NULL AND ticket_id = $1",
      [hexOf(issued.ticketId)],
    );
    expect(rows).toEqual([]);
    harness.access.check = () => allowed;
    await harness.redeem(caller, issued, grantee); // A refusal is no redemption.
  });

  it("says UNAVAILABLE, and counts nothing, while the mirror is behind", async () => {
    const { sessionId } = await reserve(1);
    const caller = await harness.signIn(grantee);
    harness.access.down = true;
    const attempt = harness.issue(caller, datasetWish(sessionId));
    await expect(attempt).rejects.toMatchObject({ status: "UNAVAILABLE", facts: { service: "access" } });
    harness.access.down = false;
    await harness.issue(caller, datasetWish(sessionId));
  });

  it.each<[string, object]>([
    ["dataset_id", { datasetId: "-1" }],
    ["grant_id", { grantId: "0x5" }],
    ["dataset_id", { datasetId: "9".repeat(100) }],
    ["session_id", { sessionId: Buffer.alloc(31) }],
    ["purpose_hash", { purposeHash: Buffer.alloc(33) }],
    ["op_mask", { opMask: 3 }],
    ["op_mask", { opMask: 8 }],
    ["kind", { kind: 0 }],
    ["kind", { kind: 99 }],
  ])("names the bad field: %s", async (field, changes) => {
    const caller = await harness.signIn(grantee);
    const attempt = harness.issue(caller, datasetWish(randomBytes(32), changes));
    await expect(attempt).rejects.toMatchObject({ status: "INVALID_ARGUMENT", facts: { field } });
  });
});

describe("OWN_DATASET", () => {
  const wish = { kind: kinds.own, datasetId: "1" };
  it("is the present owner's", async () => {
    const caller = await harness.signIn(owner);
    const transfer = await harness.redeem(caller, await harness.issue(caller, wish), owner);
    expect(transfer.baseUrl).toBe(harness.gateway.publicUrl);
    expect(await refusalOf(harness.issue(await harness.signIn(grantee), wish))).toBe("NOT_OWNER");
    expect(await refusalOf(harness.issue(caller, { ...wish, datasetId: "404" }))).toBe("NOT_FOUND");
    expect(await refusalOf(harness.issue(caller, { ...wish, version: 2 }))).toBe("NOT_FOUND");
  });

  it("is no longer the owner's when the token moved before redemption", async () => {
    const caller = await harness.signIn(owner);
    const issued = await harness.issue(caller, wish);
    const dataset = harness.access.datasets.get("1")!;
    harness.access.setDataset({ ...dataset, owner: bytesOf(stranger.address), suspended: true });
    expect(await refusalOf(harness.redeem(caller, issued, owner))).toBe("NOT_OWNER");
    expect(await refusalOf(harness.issue(await harness.signIn(stranger), wish))).toBe("DATASET_UNAVAILABLE");
    harness.access.setDataset(dataset);
  });

  it("does not serve a manifest that the chain did not commit to", async () => {
    const caller = await harness.signIn(owner);
    const dataset = harness.access.datasets.get("1")!;
    const [committed] = dataset.versions;
    harness.access.setDataset({
      ...dataset,
      versions: [{ ...committed!, manifestCommitment: randomBytes(32) }],
    });
    const issued = await harness.issue(caller, wish);
    await expect(harness.redeem(caller, issued, owner)).rejects.toMatchObject({
      code: "MANIFEST_INVALID",
      facts: { reason: "MANIFEST_COMMITMENT_MISMATCH" },
    });
    harness.access.setDataset(dataset);
    await harness.redeem(caller, issued, owner);
  });
});

describe("RESULT", () => {
  const permitId = randomBytes(32);
  const wish = { kind: kinds.result, permitId };
  let entries: Awaited<ReturnType<typeof storeObject>>;
  let bundle: Awaited<ReturnType<typeof storeObject>>;
  const digest = (fill: string) => asDigest(`0x${fill.repeat(32)}`);

  beforeAll(async () => {
    entries = await storeObject(harness.objects.store, randomBytes(400));
    const json = {
      format: "cos-result-bundle/1",
      permitId: hexOf(permitId),
      algorithmId: digest("aa"),
      job: {
        format: "cos-job/1",
        params: {},
        purpose: { duo: ["DUO:0000042"], statementDigest: digest("a9") },
      },
      planDigest: digest("ab"),
      inputsRoot: digest("ac"),
      contextDigest: digest("ad"),
      entries,
      tasks: [{ taskId: digest("ae"), outputDigest: entries.digest, attestations: [] }],
    };
    bundle = await storeObject(harness.objects.store, Buffer.from(JSON.stringify(json)));
    harness.access.grants.set("5", { outputPolicy: OutputPolicy.OwnerOnly, revoked: false });
  });

  const setPermit = (state: string, uri = `cos-object:${bundle.digest.slice(2)}`) =>
    harness.access.permits.set(permitId.toString("hex"), {
      terms: { grantee: bytesOf(grantee.address), datasets: [{ grantId: "5", datasetId: "1" }] },
      state,
      resultUri: uri,
    });

  const read = async (wallet: typeof owner, object: string): Promise<number> => {
    const caller = await harness.signIn(wallet);
    const transfer = await harness.redeem(caller, await harness.issue(caller, wish), wallet);
    const headers = { authorization: `Bearer ${transfer.transferToken}` };
    return (await fetch(harness.object(asDigest(object)), { headers })).status;
  };

  it("exists once it is posted, for the parties only", async () => {
    const caller = await harness.signIn(owner);
    setPermit("issued", "");
    expect(await refusalOf(harness.issue(caller, wish))).toBe("RESULT_NOT_AVAILABLE");
    setPermit("posted");
    await harness.issue(caller, wish);
    expect(await refusalOf(harness.issue(await harness.signIn(stranger), wish))).toBe("NOT_A_PARTY");
    setPermit("refunded");
    expect(await refusalOf(harness.issue(caller, wish))).toBe("RESULT_NOT_AVAILABLE");
    const unknown = { ...wish, permitId: randomBytes(32) };
    expect(await refusalOf(harness.issue(caller, unknown))).toBe("NOT_FOUND");
  });

  it("its ciphertexts go to the owner; to the grantee only where the grant's output policy says so", async () => {
    setPermit("posted");
    expect(await read(owner, bundle.digest)).toBe(200);
    expect(await read(owner, entries.digest)).toBe(200);
    expect(await read(grantee, bundle.digest)).toBe(200);
    expect(await read(grantee, entries.digest)).toBe(404);
    harness.access.grants.set("5", { outputPolicy: OutputPolicy.ReencryptToGrantee, revoked: false });
    expect(await read(grantee, entries.digest)).toBe(200);
    harness.access.grants.set("5", { outputPolicy: OutputPolicy.ReencryptToGrantee, revoked: true });
    expect(await read(grantee, entries.digest)).toBe(404);
  });

  it("a bundle of another permit is none", async () => {
    const other = randomBytes(32);
    harness.access.permits.set(other.toString("hex"), {
      terms: { grantee: bytesOf(grantee.address), datasets: [{ grantId: "5", datasetId: "1" }] },
      state: "posted",
      resultUri: `cos-object:${bundle.digest.slice(2)}`,
    });
    const caller = await harness.signIn(owner);
    const issued = await harness.issue(caller, { ...wish, permitId: other });
    await expect(harness.redeem(caller, issued, owner)).rejects.toMatchObject({
      code: "BUNDLE_INVALID",
      facts: { reason: "BUNDLE_OF_ANOTHER_PERMIT" },
    });
  });
});

describe("gateway.tickets.v1", () => {
  it("tells each use of a dataset once, and nothing of uploads", async () => {
    const before = (await harness.ticketEvents()).length;
    const caller = await harness.signIn(grantee);
    const { sessionId } = await reserve(1);
    const issued = await harness.issue(caller, datasetWish(sessionId));
    await harness.redeem(caller, issued, grantee);
    await refusalOf(harness.redeem(caller, issued, grantee));
    const upload = await harness.issue(caller, { kind: kinds.upload, maxBytes: 1n });
    await harness.redeem(caller, upload, grantee);
    const events = (await harness.ticketEvents()).slice(before);
    expect(events).toHaveLength(1);
    expect(events[0]?.ticketId).toEqual(issued.ticketId);
    expect(events[0]?.event?.value).toMatchObject({
      datasetId: "1",
      grantId: "5",
      grantee: bytesOf(grantee.address),
      opMask: Op.READ,
      redeemedAt: BigInt(harness.clock),
    });
  });

  it("keeps no transfer token: only its digest is stored", async () => {
    const caller = await harness.signIn(owner);
    const issued = await harness.issue(caller, { kind: kinds.own, datasetId: "1" });
    const { transferToken } = await harness.redeem(caller, issued, owner);
    expect(transferToken).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const { rows } = await harness.db.query("SELECT * FROM transfers");
    const stored = JSON.stringify(rows, (_, v) => (typeof v === "bigint" ? v.toString() : v));
    expect(stored).not.toContain(transferToken);
    expect(stored).toContain(createHash("sha256").update(transferToken).digest("hex"));
  });
});

describe("a restart", () => {
  it("keeps tickets, redemptions, counts and keys", async () => {
    const caller = await harness.signIn(grantee);
    const { sessionId } = await reserve(2);
    const used = await harness.issue(caller, datasetWish(sessionId));
    await harness.redeem(caller, used, grantee);
    const open = await harness.issue(caller, datasetWish(sessionId));
    await harness.shutDown();
    await harness.boot();
    expect(await refusalOf(harness.redeem(caller, used, grantee))).toBe("TICKET_REPLAYED");
    expect(await refusalOf(harness.issue(caller, datasetWish(sessionId)))).toBe("TICKETS_EXHAUSTED");
    await harness.redeem(caller, open, grantee);
  });
});
