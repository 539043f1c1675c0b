import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { objectKey } from "@cos/objects";
import { asDigest, digestOfBytes } from "@cos/protocol";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StoredVersion, storeParts, storeVersion } from "./dataset-fixture.ts";
import { bytesOf, GatewayHarness, until } from "./gateway-harness.ts";

const harness = new GatewayHarness({ settings: { COS_GATEWAY_MAX_OBJECT_BYTES: "2000000" } });
const owner = Wallet.createRandom();
let version: StoredVersion;

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
  await harness.mintIdentity(owner, "1");
});
afterAll(() => harness.stop());

const upload = async (maxBytes: number, wallet = owner): Promise<string> =>
  (await harness.startUpload(wallet, maxBytes)).transferToken;
const reading = async (): Promise<string> => {
  const caller = await harness.signIn(owner);
  const issued = await harness.issue(caller, { kind: 3, datasetId: "1" });
  return (await harness.redeem(caller, issued, owner)).transferToken;
};

type Ask = { method?: string; body?: Uint8Array; headers?: Record<string, string> };
async function ask(url: string, token: string | undefined, { method = "GET", body, headers = {} }: Ask = {}) {
  const response = await fetch(url, {
    method,
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { body: body as never }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  const problem =
    isProblem && bytes.length > 0 ? (JSON.parse(bytes.toString()) as Record<string, unknown>) : {};
  return { status: response.status, code: problem.code, problem, bytes, headers: response.headers };
}
const put = (token: string, bytes: Uint8Array, name = digestOfBytes(bytes)) =>
  ask(harness.object(name), token, { method: "PUT", body: bytes });
const isStored = async (bytes: Uint8Array): Promise<boolean> =>
  (await harness.objects.store.head(objectKey(digestOfBytes(bytes)))).ok;
const bytesLeft = async (token: string): Promise<number> => {
  const { rows } = await harness.db.query<{ bytes_left: bigint }>(
    "SELECT bytes_left FROM transfers WHERE token_hash = $1",
    [digestOfBytes(Buffer.from(token))],
  );
  return Number(rows[0]?.bytes_left);
};

/** Sends raw bytes, closes when told, and collects what comes back until the server closes. */
function raw(text: string | Uint8Array, options: { end?: boolean } = {}): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(harness.url);
    const socket = connect(Number(port), hostname, () => {
      socket.write(text);
      if (options.end === true) socket.destroy();
    });
    let answer = "";
    socket.on("data", (piece) => {
      answer += piece.toString("latin1");
      if (answer.includes("\r\n\r\n")) socket.end();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", () => resolve(answer));
  });
}

describe("PUT", () => {
  it("stores what its name says, and only once against the quota", async () => {
    const token = await upload(10_000);
    const bytes = randomBytes(3_000);
    expect((await put(token, bytes)).status).toBe(201);
    expect(await isStored(bytes)).toBe(true);
    expect(await bytesLeft(token)).toBe(7_000);
    expect((await put(token, bytes)).status).toBe(201);
    const { rows } = await harness.db.query("SELECT 1 FROM uploads WHERE digest = $1", [
      digestOfBytes(bytes),
    ]);
    expect(rows).toHaveLength(1);
  });

  it("refuses tampered bytes and stores nothing", async () => {
    const token = await upload(10_000);
    const bytes = randomBytes(3_000);
    const tampered = Buffer.from(bytes);
    tampered[1_234]! ^= 1;
    const answer = await put(token, tampered, digestOfBytes(bytes));
    expect(answer).toMatchObject({ status: 422, code: "DIGEST_MISMATCH" });
    expect(await isStored(bytes)).toBe(false);
    expect(await isStored(tampered)).toBe(false);
  });

  it("keeps nothing of a truncated upload, gives back what never came, and takes it whole afterwards", async () => {
    const token = await upload(10_000);
    const bytes = randomBytes(5_000);
    const head = [
      `PUT /v1/objects/${digestOfBytes(bytes).slice(2)} HTTP/1.1`,
      "Host: gateway",
      `Authorization: Bearer ${token}`,
      "Content-Length: 5000",
      "",
      "",
    ].join("\r\n");
    await new Promise<void>((resolve) => {
      const { hostname, port } = new URL(harness.url);
      const socket = connect(Number(port), hostname, () => {
        socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(0, 2_000)]));
      });
      socket.on("error", () => {});
      // The budget is taken once the upload was admitted: then the line goes dead.
      void until(async () => (await bytesLeft(token)) === 5_000).then(() => {
        socket.destroy();
        resolve();
      });
    });
    await until(async () => (await bytesLeft(token)) === 8_000);
    expect(await isStored(bytes)).toBe(false);
    expect((await put(token, bytes)).status).toBe(201);
  });

  it("refuses more than the ticket buys, before reading, to the byte", async () => {
    const token = await upload(1_000);
    expect(await put(token, randomBytes(1_001))).toMatchObject({ status: 413, code: "BUDGET_EXCEEDED" });
    expect((await put(token, randomBytes(600))).status).toBe(201);
    expect(await put(token, randomBytes(401))).toMatchObject({ status: 413, code: "BUDGET_EXCEEDED" });
    expect((await put(token, randomBytes(400))).status).toBe(201);
    expect(await bytesLeft(token)).toBe(0);
  });

  it("shares the budget between uploads that run at once", async () => {
    const token = await upload(1_000);
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => put(token, randomBytes(400))));
    expect(outcomes.map(({ status }) => status).sort()).toEqual([201, 201, 413, 413]);
  });

  it("says which length it wants without reading a byte of the body", async () => {
    const token = await upload(1_000_000);
    const path = `/v1/objects/${"ab".repeat(32)}`;
    const head = (length: string) =>
      `PUT ${path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\n${length}\r\n\r\n`;
    // No body follows any of these: an answer shows that none was waited for.
    expect(await raw(head("Content-Length: 2000001"))).toMatch(/^HTTP\/1.1 413 [\s\S]*OBJECT_TOO_LARGE/);
    expect(await raw(head("Content-Length: 999999999999"))).toMatch(/^HTTP\/1.1 413 /);
    expect(await raw(head("Transfer-Encoding: chunked"))).toMatch(/^HTTP\/1.1 411 [\s\S]*LENGTH_REQUIRED/);
    expect(await raw(head("Content-Length: 0"))).toMatch(/^HTTP\/1.1 400 [\s\S]*INVALID_FIELD/);
    expect(await raw(head("X-Nothing: 1"))).toMatch(/^HTTP\/1.1 411 /);
    expect(await raw(head("Content-Length: -5"))).toMatch(/^HTTP\/1.1 400 /);
  });

  it("is refused to a reading transfer", async () => {
    expect(await put(await reading(), randomBytes(10))).toMatchObject({
      status: 403,
      code: "TRANSFER_WRONG_DIRECTION",
    });
  });

  it("lets an uploader resume: HEAD of what its identity stored, GET of what this transfer stored", async () => {
    const bytes = randomBytes(2_000);
    const url = harness.object(digestOfBytes(bytes));
    const first = await upload(10_000);
    expect((await ask(url, first, { method: "HEAD" })).status).toBe(404);
    await put(first, bytes);
    const head = await ask(url, first, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "2000"]);
    expect((await ask(url, first)).bytes.equals(bytes)).toBe(true);

    const second = await upload(10_000);
    expect((await ask(url, second, { method: "HEAD" })).status).toBe(200);
    expect(await ask(url, second)).toMatchObject({ status: 404, code: "OBJECT_NOT_COVERED" });

    const stranger = Wallet.createRandom();
    await harness.mintIdentity(stranger, "2");
    const foreign = await upload(10_000, stranger);
    expect((await ask(url, foreign, { method: "HEAD" })).status).toBe(404);
    expect((await ask(url, foreign)).status).toBe(404);
  });

  it("ends when the identity is burned", async () => {
    const wallet = Wallet.createRandom();
    await harness.mintIdentity(wallet, "3");
    const token = await upload(10_000, wallet);
    await harness.mirror({ $case: "identityBurned", value: { sbtId: "3" } as never });
    expect(await put(token, randomBytes(10))).toMatchObject({ status: 401, code: "TRANSFER_INVALID" });
  });

  it("leaves no temporary file behind", async () => {
    const token = await upload(10_000);
    await put(token, randomBytes(100), digestOfBytes(randomBytes(100)));
    const left = await harness.temporaryFiles();
    expect(left).toEqual([]);
  });
});

describe("GET", () => {
  const block = () => version.blocks[0]!;
  const stored = async (digest: string): Promise<Buffer> => {
    const found = await harness.objects.store.get(objectKey(asDigest(digest)));
    if (!found.ok) throw new Error(found.error.code);
    const pieces: Uint8Array[] = [];
    for await (const piece of found.value.body) pieces.push(piece);
    return Buffer.concat(pieces);
  };

  it("serves a dataset's manifest, axis and blocks to its owner, byte for byte", async () => {
    const token = await reading();
    for (const ref of [version.ref, version.axis, ...version.blocks]) {
      const answer = await ask(harness.object(ref.digest), token);
      expect(answer.status).toBe(200);
      expect(digestOfBytes(answer.bytes)).toBe(ref.digest);
      expect(answer.headers.get("etag")).toBe(`"${ref.digest.slice(2)}"`);
    }
  });

  it("serves nothing else that lies in the store", async () => {
    const token = await reading();
    const other = await storeParts(harness.objects.store, 1);
    expect(await ask(harness.object(other.axis.digest), token)).toMatchObject({
      status: 404,
      code: "OBJECT_NOT_COVERED",
    });
    expect((await ask(harness.object(other.axis.digest), token, { method: "HEAD" })).status).toBe(404);
  });

  it("leaves out of a grantee's view the traits that grants do not see", async () => {
    const grantee = Wallet.createRandom();
    const sessionId = randomBytes(32);
    harness.access.check = () => ({ allowed: true, version: 1 });
    await harness.mirror({
      $case: "ticketsReserved",
      value: {
        sessionId,
        grantId: "5",
        count: 1n,
        grantee: bytesOf(grantee.address),
        opMask: 1,
        gateway: bytesOf(harness.gatewayKey.address),
      } as never,
    });
    const caller = await harness.signIn(grantee);
    const wish = {
      kind: 2,
      datasetId: "1",
      grantId: "5",
      sessionId,
      opMask: 1,
      purposeHash: randomBytes(32),
    } as const;
    const transfer = await harness.redeem(caller, await harness.issue(caller, wish), grantee);
    const statuses = await Promise.all(
      version.blocks.map(
        async ({ digest }) => (await ask(harness.object(digest), transfer.transferToken)).status,
      ),
    );
    expect(statuses).toEqual([200, 200, 200, 404]);
    await harness.mirror({ $case: "accessRevoked", value: { grantId: "5", datasetId: "1" } as never });
    const after = await ask(harness.object(block().digest), transfer.transferToken);
    expect(after).toMatchObject({ status: 401, code: "TRANSFER_INVALID" });
  });

  it.each([
    ["bytes=0-99", 206, [0, 100]],
    ["bytes=900-", 206, [900, 1000]],
    ["bytes=999-5000", 206, [999, 1000]],
    ["bytes=-10", 206, [990, 1000]],
    ["bytes=0-1,5-6", 200, [0, 1000]],
    ["bytes=abc", 200, [0, 1000]],
  ] as const)("answers %s with %i", async (range, status, [from, to]) => {
    const answer = await ask(harness.object(block().digest), await reading(), { headers: { range } });
    expect(answer.status).toBe(status);
    expect(answer.bytes.equals((await stored(block().digest)).subarray(from, to))).toBe(true);
    expect(answer.headers.get("content-range")).toBe(status === 206 ? `bytes ${from}-${to - 1}/1000` : null);
  });

  it.each(["bytes=1000-", "bytes=1000-2000", "bytes=-0"])("answers %s with 416", async (range) => {
    const answer = await ask(harness.object(block().digest), await reading(), { headers: { range } });
    expect(answer).toMatchObject({ status: 416, code: "RANGE_NOT_SATISFIABLE" });
    expect(answer.headers.get("content-range")).toBe("bytes */1000");
  });

  it("counts the bytes it sends, ranges by their own length, HEAD not at all", async () => {
    const token = await reading();
    const all = [version.ref, version.axis, ...version.blocks].reduce((sum, ref) => sum + ref.sizeBytes, 0);
    expect(await bytesLeft(token)).toBe(all * 3);
    const url = harness.object(block().digest);
    await ask(url, token, { method: "HEAD" });
    await ask(url, token, { headers: { range: "bytes=0-9" } });
    await ask(url, token);
    expect(await bytesLeft(token)).toBe(all * 3 - 1_010);
    await harness.db.query("UPDATE transfers SET bytes_left = 999 WHERE token_hash = $1", [
      digestOfBytes(Buffer.from(token)),
    ]);
    expect(await ask(url, token)).toMatchObject({ status: 413, code: "BUDGET_EXCEEDED" });
    expect((await ask(url, token, { headers: { range: "bytes=0-998" } })).status).toBe(206);
  });

  it("ends with the transfer", async () => {
    const token = await reading();
    const { clock } = harness;
    harness.clock = clock + 3_599;
    expect((await ask(harness.object(block().digest), token)).status).toBe(200);
    harness.clock = clock + 3_600;
    expect(await ask(harness.object(block().digest), token)).toMatchObject({
      status: 401,
      code: "TRANSFER_INVALID",
    });
  });

  it("ends with the ticket that bought it", async () => {
    const caller = await harness.signIn(owner);
    const issued = await harness.issue(caller, { kind: 3, datasetId: "1" });
    const { transferToken } = await harness.redeem(caller, issued, owner);
    await harness.tickets.revokeTicket({ ticketId: issued.ticketId }, { metadata: caller });
    expect((await ask(harness.object(block().digest), transferToken)).status).toBe(401);
  });

  it("keeps a running transfer over a restart", async () => {
    const token = await reading();
    await harness.shutDown();
    await harness.boot();
    expect((await ask(harness.object(block().digest), token)).status).toBe(200);
  });

  it("takes nothing off the budget for an object that vanished after it was read", async () => {
    const token = await reading();
    const { digest } = version.blocks[0]!;
    expect((await ask(harness.object(digest), token)).status).toBe(200);
    const left = await bytesLeft(token);
    const bytes = await stored(digest);
    await harness.objects.store.delete(objectKey(digest));
    const gone = await ask(harness.object(digest), token, { headers: { range: "bytes=0-9" } });
    expect(gone).toMatchObject({ status: 404, code: "OBJECT_MISSING" });
    expect(await bytesLeft(token)).toBe(left);
    await harness.objects.store.put(objectKey(digest), bytes, { sizeBytes: bytes.length });
    expect((await ask(harness.object(digest), token)).status).toBe(200);
  });

  it("says so when an object is missing or cut short in the store", async () => {
    const token = await reading();
    const trait = version.blocks.at(-1)!;
    await harness.objects.store.delete(objectKey(trait.digest));
    expect(await ask(harness.object(trait.digest), token)).toMatchObject({
      status: 404,
      code: "OBJECT_MISSING",
    });
  });
});

describe("hostile requests", () => {
  it.each([
    "/v1/objects/..%2f..%2fetc%2fpasswd",
    `/v1/objects/${"AB".repeat(32)}`,
    `/v1/objects/${"ab".repeat(33)}`,
    `/v1/objects/%00${"ab".repeat(31)}`,
    "/v1/objects/%zz",
    "/v1/objects/",
    "/v2/objects/x",
    `/v1/objects/${"ab".repeat(32)}/../../secrets`,
  ])("%s is no object", async (path) => {
    const token = await reading();
    const answer = await raw(
      `GET ${path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d /);
    expect(answer).not.toMatch(/root:|stack|node_modules/);
  });

  it.each([undefined, "", "x", "x".repeat(43), `${"x".repeat(42)}=`, "'; DROP TABLE transfers; --"])(
    "the token %j opens nothing",
    async (token) => {
      const answer = await ask(harness.object(version.axis.digest), token);
      expect(answer).toMatchObject({ status: 401, code: "TRANSFER_INVALID" });
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    },
  );

  it("huge headers and nonsense are refused, and the gateway goes on", async () => {
    const huge = `GET /v1/objects/x HTTP/1.1\r\nHost: g\r\nX-Big: ${"x".repeat(100_000)}\r\n\r\n`;
    expect(await raw(huge)).toMatch(/^(HTTP\/1.1 431|$)/);
    expect(await raw("\x00\x01\x02\r\n\r\n")).toMatch(/^(HTTP\/1.1 400|$)/);
    const twice = `PUT /v1/objects/${"ab".repeat(32)} HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n`;
    expect(await raw(twice)).toMatch(/^(HTTP\/1.1 400|$)/);
    expect((await ask(`${harness.url}/healthz`, undefined)).status).toBe(200);
  });

  it.each(["POST", "DELETE"])("%s is not a method of objects", async (method) => {
    const answer = await ask(harness.object(version.axis.digest), await reading(), { method });
    expect(answer).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
  });
});
