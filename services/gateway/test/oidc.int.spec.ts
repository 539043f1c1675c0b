import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signOidcBinding } from "@cos/protocol";
import { clientId, IdentityProvider } from "@cos/testkit/identity-provider";
import { Wallet } from "ethers";
import { decodeJwt, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bytesOf, chainId, GatewayHarness, hexOf, refusalOf } from "./gateway-harness.ts";

let dir: string;
let provider: IdentityProvider;
let harness: GatewayHarness;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "cos-oidc-"));
  provider = await IdentityProvider.start();
  const file = join(dir, "providers.json");
  await writeFile(file, JSON.stringify([{ issuer: provider.issuer, clientId }]));
  harness = new GatewayHarness({
    settings: { COS_GATEWAY_OIDC_PROVIDERS_FILE: file, COS_GATEWAY_OIDC_KEY_COOLDOWN_SECONDS: "1" },
  });
  await harness.start();
});
afterAll(async () => {
  await harness.stop();
  await provider.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  harness.clock = Math.floor(Date.now() / 1000); // The provider's clock.
});

const freshNonce = async () => (await harness.sessions.createOidcNonce({ issuer: provider.issuer })).nonce;
const tokenFor = async (account: string) => provider.signIn(account, await freshNonce());
const signIn = (idToken: string) => harness.sessions.signInOidc({ idToken });

type Key = { address: string; signTypedData: Wallet["signTypedData"] };
async function bind(account: string, key: Key, idToken?: string) {
  const token = idToken ?? (await tokenFor(account));
  const { nonce } = decodeJwt(token) as { nonce: string };
  const audience = harness.gateway.publicUrl;
  const signature = await signOidcBinding(key, chainId, {
    issuer: provider.issuer,
    subject: account,
    nonce,
    audience,
  });
  return harness.sessions.bindOidc({
    idToken: token,
    address: bytesOf(key.address),
    signature: bytesOf(signature),
  });
}
/** Claims of a good token, with changes. */
const claims = async (changes: Record<string, unknown> = {}) => ({
  iss: provider.issuer,
  aud: clientId,
  sub: "ada",
  nonce: await freshNonce(),
  iat: harness.clock,
  exp: harness.clock + 300,
  ...changes,
});

describe("an account at an institution's identity provider", () => {
  it("is bound to a key that signed so, and then signs in for it", async () => {
    const key = Wallet.createRandom();
    expect(await refusalOf(signIn(await tokenFor("ada")))).toBe("OIDC_UNBOUND");
    await bind("ada", key);
    const session = await signIn(await tokenFor("ada"));
    expect(hexOf(session.address)).toBe(key.address.toLowerCase());
    expect(decodeJwt(session.accessToken).sub).toBe(key.address.toLowerCase());
    const caller = { authorization: `Bearer ${session.accessToken}` };
    expect(await refusalOf(harness.jobs.getJob({ jobId: Buffer.alloc(32) }, { metadata: caller }))).toBe(
      "NOT_FOUND",
    );
    expect(await refusalOf(signIn(await tokenFor("bob")))).toBe("OIDC_UNBOUND");
  });

  it("is bound to one key until that key lets go", async () => {
    const [first, second] = [Wallet.createRandom(), Wallet.createRandom()];
    await bind("carol", first);
    await bind("carol", first);
    expect(await refusalOf(bind("carol", second))).toBe("OIDC_BOUND");
    const stranger = await harness.signIn(second);
    const account = { issuer: provider.issuer, subject: "carol" };
    expect(await refusalOf(harness.sessions.unbindOidc(account, { metadata: stranger }))).toBe("NOT_FOUND");
    expect(await refusalOf(harness.sessions.unbindOidc(account))).toBe("SESSION_INVALID");
    await harness.sessions.unbindOidc(account, { metadata: await harness.signIn(first) });
    await bind("carol", second);
  });

  it("is bound by no other key's signature, nor by one for another account or gateway", async () => {
    const [key, thief] = [Wallet.createRandom(), Wallet.createRandom()];
    const idToken = await tokenFor("dora");
    const { nonce } = decodeJwt(idToken) as { nonce: string };
    const right = { issuer: provider.issuer, subject: "dora", nonce, audience: harness.gateway.publicUrl };
    const attempt = async (signer: Key, said: typeof right) =>
      refusalOf(
        harness.sessions.bindOidc({
          idToken,
          address: bytesOf(key.address),
          signature: bytesOf(await signOidcBinding(signer, chainId, said)),
        }),
      );
    expect(await attempt(thief, right)).toBe("OIDC_SIGNATURE_INVALID");
    expect(await attempt(key, { ...right, subject: "eve" })).toBe("OIDC_SIGNATURE_INVALID");
    expect(await attempt(key, { ...right, audience: "https://elsewhere.example" })).toBe(
      "OIDC_SIGNATURE_INVALID",
    );
    expect(await attempt(key, { ...right, nonce: "0".repeat(32) })).toBe("OIDC_SIGNATURE_INVALID");
    await bind("dora", key, idToken); // None of them used the nonce up.
  });

  it("is kept as a digest only", async () => {
    await bind("fritz@institute.example", Wallet.createRandom());
    const { rows } = await harness.db.query("SELECT account, address FROM oidc_bindings");
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain("fritz");
  });
});

describe("ID tokens", () => {
  it("work once, while their nonce is fresh, for the provider that it was made for", async () => {
    await bind("gus", Wallet.createRandom());
    const token = await tokenFor("gus");
    await signIn(token);
    expect(await refusalOf(signIn(token))).toBe("SIGN_IN_NONCE_INVALID");
    const both = await tokenFor("gus");
    const outcomes = await Promise.allSettled([signIn(both), signIn(both)]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const invented = await provider.forge(await claims({ nonce: "ab".repeat(16) }));
    expect(await refusalOf(signIn(invented))).toBe("SIGN_IN_NONCE_INVALID");
    const late = await provider.forge(await claims({ exp: harness.clock + 900 }));
    harness.clock += 300;
    expect(await refusalOf(signIn(late))).toBe("SIGN_IN_NONCE_INVALID");
    const { message } = await harness.sessions.createChallenge({ address: Buffer.alloc(20, 1) });
    const siwe = /Nonce: (\w+)/.exec(message)?.[1];
    expect(await refusalOf(signIn(await provider.forge(await claims({ nonce: siwe }))))).toBe(
      "SIGN_IN_NONCE_INVALID",
    );
    await expect(
      harness.sessions.createOidcNonce({ issuer: "https://elsewhere.example" }),
    ).rejects.toMatchObject({
      code: "ISSUER_UNKNOWN",
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["another issuer's", { iss: "https://elsewhere.example" }, "iss"],
    ["another client's", { aud: "somebody-else" }, "aud"],
    ["no audience", { aud: undefined }, "aud"],
    ["two audiences and no authorized party", { aud: [clientId, "other"] }, "azp"],
    ["another authorized party's", { azp: "other" }, "azp"],
    ["ended", { exp: 1_000_000_000 }, "exp"],
    ["endless", { exp: undefined }, "exp"],
    ["not yet begun", { nbf: 4_000_000_000 }, "nbf"],
    ["without a nonce", { nonce: undefined }, "nonce"],
    ["with a nonce that is none", { nonce: "a\0b" }, "nonce"],
    ["about nobody", { sub: "" }, "sub"],
  ])("are refused when they are %s", async (_, changes, field) => {
    const call = signIn(await provider.forge(await claims(changes)));
    await expect(call).rejects.toMatchObject({
      status: "UNAUTHENTICATED",
      code: "ID_TOKEN_INVALID",
      facts: { field },
    });
  });

  it("are refused under no signature, a shared secret, another algorithm, and another's key", async () => {
    const good = await provider.forge(await claims());
    const [header = "", payload = "", signature = ""] = good.split(".");
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const secret = new SignJWT(await claims()).setProtectedHeader({ alg: "HS256" });
    const other = await IdentityProvider.start();
    for (const token of [
      `${part({ alg: "none" })}.${payload}.`,
      `${header}.${part({ ...decodeJwt(good), sub: "root" })}.${signature}`,
      await secret.sign(Buffer.alloc(32, 1)),
      await provider.forge(await claims(), { alg: "RS512" }),
      await other.forge(await claims()),
      "x",
      `${"A".repeat(16_000)}.e30.`,
    ]) {
      expect(await refusalOf(signIn(token))).toBe("ID_TOKEN_INVALID");
    }
    await other.stop();
    expect(await refusalOf(signIn("A".repeat(20_000)))).toBe("INVALID_FIELD");
  });

  it("are checked by keys that are kept, and fetched again when the provider rotates them", async () => {
    await bind("hana", Wallet.createRandom());
    const before = provider.keyFetches;
    for (let count = 0; count < 3; count++) await signIn(await tokenFor("hana"));
    expect(provider.keyFetches).toBe(before);
    await provider.rotateKeys();
    await expect
      .poll(
        async () =>
          signIn(await tokenFor("hana")).then(
            () => "OK",
            (e) => e.code,
          ),
        { interval: 300, timeout: 20_000 },
      )
      .toBe("OK");
    expect(provider.keyFetches).toBe(before + 1);
  });

  it("decide nothing while the provider does not answer", async () => {
    const token = await tokenFor("hana");
    await harness.shutDown();
    provider.isDown = true;
    await harness.boot();
    await expect(signIn(token)).rejects.toMatchObject({ status: "UNAVAILABLE" });
    provider.isDown = false;
    await signIn(token);
  });
});
