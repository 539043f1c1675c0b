import { hashMessage, Wallet } from "ethers";
import { createLocalJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesOf, GatewayHarness, refusalOf } from "./gateway-harness.ts";

const harness = new GatewayHarness();
beforeAll(() => harness.start());
afterAll(() => harness.stop());

const challenge = async (wallet: { address: string }) =>
  (await harness.sessions.createChallenge({ address: bytesOf(wallet.address) })).message;
const signIn = (message: string, signature: string) =>
  harness.sessions.signIn({ message, signature: bytesOf(signature) });

describe("sign-in", () => {
  it("trades a signed message for a JWT that the published keys verify", async () => {
    const wallet = Wallet.createRandom();
    const message = await challenge(wallet);
    const { accessToken, expiresAt } = await signIn(message, await wallet.signMessage(message));
    const keys = await (await fetch(`${harness.url}/.well-known/jwks.json`)).json();
    const { payload } = await jwtVerify(accessToken, createLocalJWKSet(keys as never), {
      issuer: harness.gateway.publicUrl,
      audience: harness.gateway.publicUrl,
      algorithms: ["EdDSA"],
      currentDate: new Date(harness.clock * 1000),
    });
    expect(payload.sub).toBe(wallet.address.toLowerCase());
    expect(expiresAt?.getTime()).toBe((harness.clock + 900) * 1000);
    expect(JSON.stringify(keys)).not.toContain('"d"');
  });

  it("takes a nonce once", async () => {
    const wallet = Wallet.createRandom();
    const message = await challenge(wallet);
    const signature = await wallet.signMessage(message);
    await signIn(message, signature);
    expect(await refusalOf(signIn(message, signature))).toBe("SIGN_IN_NONCE_INVALID");
  });

  it("of two sign-ins at once with one nonce, one works", async () => {
    const wallet = Wallet.createRandom();
    const message = await challenge(wallet);
    const signature = await wallet.signMessage(message);
    const outcomes = await Promise.allSettled([signIn(message, signature), signIn(message, signature)]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it.each([
    [299, "OK"],
    [300, "SIGN_IN_MESSAGE_INVALID"],
  ])("%i s after the challenge: %s", async (age, outcome) => {
    const wallet = Wallet.createRandom();
    const message = await challenge(wallet);
    harness.clock += age;
    const attempt = signIn(message, await wallet.signMessage(message));
    expect(
      await attempt.then(
        () => "OK",
        (error) => error.code,
      ),
    ).toBe(outcome);
  });

  it.each<[string, (message: string) => string, string]>([
    ["another domain", (m) => m.replace(/^\S+ wants/, "evil.example wants"), "SIGN_IN_MESSAGE_INVALID"],
    ["another uri", (m) => m.replace(/URI: \S+/, "URI: https://evil.example"), "SIGN_IN_MESSAGE_INVALID"],
    ["another chain", (m) => m.replace("Chain ID: 31337", "Chain ID: 1"), "SIGN_IN_MESSAGE_INVALID"],
    ["an invented nonce", (m) => m.replace(/Nonce: \w+/, "Nonce: 0123456789abcdef"), "SIGN_IN_NONCE_INVALID"],
    [
      "a later expiry than was offered",
      (m) => m.replace(/Expiration Time: \S+/, ""),
      "SIGN_IN_MESSAGE_INVALID",
    ],
    [
      "resources of the caller's own",
      (m) => `${m}\nResources:\n- https://evil.example/grant`,
      "SIGN_IN_MESSAGE_INVALID",
    ],
    ["a request id", (m) => `${m}\nRequest ID: 1`, "SIGN_IN_MESSAGE_INVALID"],
    ["another statement", (m) => m.replace("grants nobody", "grants everybody"), "SIGN_IN_MESSAGE_INVALID"],
    ["another scheme", (m) => `http://${m}`, "SIGN_IN_MESSAGE_INVALID"],
    ["another version", (m) => m.replace("Version: 1", "Version: 2"), "SIGN_IN_MESSAGE_INVALID"],
    [
      "a time that is not come",
      (m) => `${m}\nNot Before: 2199-01-01T00:00:00.000Z`,
      "SIGN_IN_MESSAGE_INVALID",
    ],
    [
      "an address in small letters",
      (m) => m.replace(/0x[0-9a-fA-F]{40}/, (a) => a.toLowerCase()),
      "SIGN_IN_MESSAGE_INVALID",
    ],
    ["no message at all", () => "sign me in, please", "SIGN_IN_MESSAGE_INVALID"],
    ["megabytes", () => "x".repeat(1_000_000), "INVALID_FIELD"],
  ])("refuses %s, though well signed", async (_name, change, code) => {
    const wallet = Wallet.createRandom();
    const message = change(await challenge(wallet));
    expect(await refusalOf(signIn(message, await wallet.signMessage(message)))).toBe(code);
  });

  it("refuses another key's signature, and another address's nonce", async () => {
    const wallet = Wallet.createRandom();
    const thief = Wallet.createRandom();
    const message = await challenge(wallet);
    expect(await refusalOf(signIn(message, await thief.signMessage(message)))).toBe(
      "SIGN_IN_SIGNATURE_INVALID",
    );
    const stolen = message.replace(wallet.address, thief.address);
    expect(await refusalOf(signIn(stolen, await thief.signMessage(stolen)))).toBe("SIGN_IN_NONCE_INVALID");
    await signIn(message, await wallet.signMessage(message)); // The thief used nothing up.
  });

  it("asks a contract wallet on chain (EIP-1271)", async () => {
    const wallet = Wallet.createRandom().address;
    const message = await challenge({ address: wallet });
    // Answers 0x1626ba7e if the first argument is the hash of exactly this message, and 0 otherwise.
    const magic = `1626ba7e${"00".repeat(28)}`;
    const code = `0x6004357f${hashMessage(message).slice(2)}147f${magic}0260005260206000f3`;
    await harness.provider.send("anvil_setCode", [wallet, code]);
    const other = await challenge({ address: wallet });
    expect(await refusalOf(signIn(other, "0x1234"))).toBe("SIGN_IN_SIGNATURE_INVALID");
    const { accessToken } = await signIn(message, "0x1234");
    expect(accessToken.split(".")).toHaveLength(3);
  });
});

describe("bad input", () => {
  it.each([0, 19, 21, 1000])("an address of %i bytes", async (length) => {
    const call = harness.sessions.createChallenge({ address: Buffer.alloc(length) });
    expect(await refusalOf(call)).toBe("INVALID_FIELD");
  });

  it("an empty, an oversized and a garbled signature", async () => {
    const wallet = Wallet.createRandom();
    const message = await challenge(wallet);
    expect(await refusalOf(signIn(message, "0x"))).toBe("INVALID_FIELD");
    expect(await refusalOf(signIn(message, `0x${"00".repeat(4097)}`))).toBe("INVALID_FIELD");
    expect(await refusalOf(signIn(message, `0x${"ff".repeat(65)}`))).toBe("SIGN_IN_SIGNATURE_INVALID");
  });
});

describe("sessions", () => {
  const list = (authorization: string) =>
    refusalOf(harness.jobs.getJob({ jobId: Buffer.alloc(32) }, { metadata: { authorization } }));

  it("end when their time is over", async () => {
    const caller = await harness.signIn(Wallet.createRandom());
    harness.clock += 899;
    expect(await list(caller.authorization)).toBe("NOT_FOUND");
    harness.clock += 1;
    expect(await list(caller.authorization)).toBe("SESSION_INVALID");
  });

  it.each(["", "Bearer", "Bearer x.y.z", "Basic abc", `Bearer ${"x".repeat(8_000)}`])(
    "refuses %j",
    async (text) => {
      expect(await list(text)).toBe("SESSION_INVALID");
    },
  );

  it("a ticket is no session", async () => {
    const wallet = Wallet.createRandom();
    await harness.mintIdentity(wallet, "77");
    const caller = await harness.signIn(wallet);
    const { ticket } = await harness.issue(caller, { kind: 1, maxBytes: 1n });
    expect(await list(`Bearer ${ticket}`)).toBe("SESSION_INVALID");
    const session = caller.authorization.slice("Bearer ".length);
    const redeemed = harness.redeem(caller, { ticket: session, ticketId: Buffer.alloc(32) }, wallet);
    expect(await refusalOf(redeemed)).toBe("TICKET_INVALID");
  });
});
