import { readFile, stat, writeFile } from "node:fs/promises";
import { Wallet } from "ethers";
import { createLocalJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayHarness, refusalOf, until } from "./gateway-harness.ts";

const harness = new GatewayHarness({ settings: { COS_GATEWAY_KEY_REFRESH_SECONDS: "1" } });
beforeAll(() => harness.start());
afterAll(() => harness.stop());

const wallet = Wallet.createRandom();
const publishedKeys = async (): Promise<{ kid: string }[]> =>
  ((await (await fetch(`${harness.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }).keys;
const tokenOf = (caller: { authorization: string }) => caller.authorization.slice("Bearer ".length);
const signedBy = async () => decodeProtectedHeader(tokenOf(await harness.signIn(wallet))).kid;
const works = (caller: { authorization: string }) =>
  refusalOf(harness.jobs.getJob({ jobId: Buffer.alloc(32) }, { metadata: caller }));
const rotate = async (wish: { dryRun?: boolean; compromised?: boolean } = {}) =>
  (await harness.keys.rotateKeys({ dryRun: false, compromised: false, ...wish })).keys;

describe("rotation", () => {
  it("says what would happen, and does nothing, in a dry run", async () => {
    const before = await readFile(harness.signingKeyFile, "utf8");
    const planned = await rotate({ dryRun: true });
    expect(planned.map(({ state }) => state)).toEqual(["signing", "published"]);
    expect(planned[1]).toMatchObject({ kid: "", signsFrom: new Date((harness.clock + 900) * 1000) });
    expect(await readFile(harness.signingKeyFile, "utf8")).toBe(before);
    expect(await publishedKeys()).toHaveLength(1);
  });

  it("publishes a key before it signs, and keeps the old one until its tokens have ended", async () => {
    const old = await signedBy();
    const [, fresh] = await rotate();
    expect((await publishedKeys()).map(({ kid }) => kid)).toEqual([old, fresh?.kid]);
    harness.clock += 899;
    const last = await harness.signIn(wallet);
    expect(decodeProtectedHeader(tokenOf(last)).kid).toBe(old);
    harness.clock += 1;
    expect(await signedBy()).toBe(fresh?.kid);

    harness.clock += 898; // One second before the last session under the old key ends.
    expect(await works(last)).toBe("NOT_FOUND");
    const keys = await publishedKeys();
    await jwtVerify(tokenOf(last), createLocalJWKSet({ keys } as never), {
      currentDate: new Date(harness.clock * 1000),
    });
    harness.clock += 1;
    expect(await works(last)).toBe("SESSION_INVALID");
    harness.clock += 61;
    expect((await publishedKeys()).map(({ kid }) => kid)).toEqual([fresh?.kid]);
  });

  it("refuses another rotation while one is under way", async () => {
    await rotate();
    expect(await refusalOf(rotate())).toBe("ROTATION_PENDING");
    harness.clock += 900;
    await rotate();
    harness.clock += 900;
  });

  it("of rotations at once does one", async () => {
    const outcomes = await Promise.allSettled([rotate(), rotate(), rotate()]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    harness.clock += 900;
  });

  it("drops stolen keys at once, with every session under them", async () => {
    const before = await harness.signIn(wallet);
    const [only, ...others] = await rotate({ compromised: true });
    expect(others).toEqual([]);
    expect((await publishedKeys()).map(({ kid }) => kid)).toEqual([only?.kid]);
    expect(await works(before)).toBe("SESSION_INVALID");
    expect(await works(await harness.signIn(wallet))).toBe("NOT_FOUND");
  });

  it("takes up keys that another gateway wrote, and outlives a file that cannot be read", async () => {
    const text = await readFile(harness.signingKeyFile, "utf8");
    const ring = JSON.parse(text) as { keys: unknown[] };
    const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
    const { kty, crv, x, d } = await exportJWK(privateKey);
    ring.keys.push({ signsFrom: harness.clock + 900, jwk: { kty, crv, x, d } });
    await writeFile(harness.signingKeyFile, JSON.stringify(ring));
    await until(async () => (await publishedKeys()).length === 2);
    await writeFile(harness.signingKeyFile, "{");
    expect(await works(await harness.signIn(wallet))).toBe("NOT_FOUND");
    await writeFile(harness.signingKeyFile, text);
  });

  it("is for operators", async () => {
    const { message } = await harness.sessions.createChallenge({ address: Buffer.alloc(20) });
    expect(message).not.toBe("");
    const stranger = harness.keys.rotateKeys(
      { dryRun: true, compromised: false },
      { metadata: { "cos-service-token": "no" } },
    );
    expect(await refusalOf(stranger)).toBe("BAD_SERVICE_TOKEN");
  });

  it("keeps its file to itself, and a key that was there before keys rotated", async () => {
    expect((await stat(harness.signingKeyFile)).mode & 0o777).toBe(0o600);
    const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
    const jwk = await exportJWK(privateKey);
    await harness.shutDown();
    await writeFile(harness.signingKeyFile, JSON.stringify(jwk), { mode: 0o600 });
    await harness.boot();
    const [key] = (await publishedKeys()) as { kid: string; x?: string }[];
    expect(key?.x).toBe(jwk.x);
    await rotate();
    expect((await publishedKeys())[0]?.kid).toBe(key?.kid);
  });
});
