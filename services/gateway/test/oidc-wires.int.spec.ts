import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type HttpsServer, startHttpsServer, type TempFolder, tempFolder } from "@cos/testkit";
import { TestAuthority } from "@cos/testkit/test-authority";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readOidcProviders } from "../src/adapters/oidc-tokens.ts";
import { openOidcWires } from "../src/adapters/oidc-wires.ts";
import { GatewayHarness, refusalOf } from "./gateway-harness.ts";

const clientId = "cos-gateway";
let folder: TempFolder;
let harness: GatewayHarness;
/** Requests that a provider answered, by its port. */
let heard: string[] = [];
const stops: (() => Promise<void>)[] = [];
let institutions: Record<"believed" | "strange" | "misnamed", Institution>;

type Institution = { readonly issuer: string; tokenFor(nonce: string): Promise<string> };

/** An identity provider's published half, under a certificate for 127.0.0.1, and its tokens. */
async function startInstitution(authority: TestAuthority, host = "127.0.0.1"): Promise<Institution> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "ES256", use: "sig" };
  const server: HttpsServer = await startHttpsServer(
    await authority.issue(["ip:127.0.0.1"]),
    (request, response) => {
      heard.push(`${request.url}`);
      const isDiscovery = request.url === "/.well-known/openid-configuration";
      const answer = isDiscovery ? { issuer, jwks_uri: `${issuer}/keys` } : { keys: [jwk] };
      response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
    },
  );
  stops.push(() => server.stop());
  const issuer = `https://${host}:${server.port}`;
  const tokenFor = (nonce: string) =>
    new SignJWT({ nonce })
      .setProtectedHeader({ alg: "ES256", kid: "one" })
      .setIssuer(issuer)
      .setAudience(clientId)
      .setSubject("ada")
      .setIssuedAt(harness.clock)
      .setExpirationTime(harness.clock + 300)
      .sign(privateKey);
  return { issuer, tokenFor };
}

beforeAll(async () => {
  folder = await tempFolder("oidc-wires");
  const authority = await TestAuthority.create();
  const stranger = await TestAuthority.create("CN=stranger");
  const caFile = join(folder.path, "ca.pem");
  await writeFile(caFile, authority.pem);
  institutions = {
    believed: await startInstitution(authority),
    strange: await startInstitution(stranger),
    misnamed: await startInstitution(authority, "localhost"),
  };
  const file = join(folder.path, "providers.json");
  const providers = Object.values(institutions).map(({ issuer }) => ({ issuer, clientId, caFile }));
  await writeFile(file, JSON.stringify(providers));
  harness = new GatewayHarness({ settings: { COS_GATEWAY_OIDC_PROVIDERS_FILE: file } });
  await harness.start();
  harness.clock = Math.floor(Date.now() / 1000);
});
afterAll(async () => {
  await harness?.stop();
  for (const stop of stops) await stop();
  await folder?.remove();
});

async function signIn({ issuer, tokenFor }: Institution): Promise<string> {
  heard = [];
  const { nonce } = await harness.sessions.createOidcNonce({ issuer });
  return refusalOf(harness.sessions.signInOidc({ idToken: await tokenFor(nonce) }));
}

it("believes a provider, its discovery and its keys, by the authority of its file", async () => {
  expect(await signIn(institutions.believed)).toBe("OIDC_UNBOUND"); // The token was good.
  expect(heard).toEqual(["/.well-known/openid-configuration", "/keys"]);
});

it("asks nothing of a provider that another authority certified, or that is another host", async () => {
  for (const institution of [institutions.strange, institutions.misnamed]) {
    expect(await signIn(institution)).toBe("UNAVAILABLE");
    expect(heard).toEqual([]);
  }
});

it("does not start with an authority's file that cannot be used, or for a provider in the clear", async () => {
  const bad = join(folder.path, "bad.pem");
  await writeFile(bad, "no certificate");
  const caFile = join(folder.path, "ca.pem");
  const issuer = "https://idp.example";
  for (const provider of [
    { issuer, caFile: join(folder.path, "missing.pem") },
    { issuer, caFile: bad },
    { issuer: "http://127.0.0.1:9", caFile },
  ]) {
    const file = join(folder.path, "some.json");
    await writeFile(
      file,
      JSON.stringify([
        { issuer, clientId },
        { ...provider, clientId },
      ]),
    );
    const code = "TLS_SETTING_UNUSABLE";
    const setting = "COS_GATEWAY_OIDC_PROVIDERS_FILE, 1.caFile";
    await expect(openOidcWires(await readOidcProviders(file))).rejects.toMatchObject({ code, setting });
  }
});
