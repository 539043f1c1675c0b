import { IdentityProvider, nativeClientId } from "@cos/testkit/identity-provider";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { idTokenByBrowser } from "../src/index.ts";

const nonce = "ab".repeat(16);
let provider: IdentityProvider;
beforeAll(async () => {
  provider = await IdentityProvider.start();
});
afterAll(() => provider.stop());

const wish = (browse: (url: string) => unknown) => ({
  issuer: provider.issuer,
  clientId: nativeClientId,
  nonce,
  timeoutMs: 20_000,
  tell: (url: string) => void browse(url),
});

it("brings an ID token for this client, with this nonce, of who signed in", async () => {
  const token = await idTokenByBrowser(wish((url) => provider.browse("ada", url)));
  expect(decodeJwt(token)).toMatchObject({ iss: provider.issuer, aud: nativeClientId, sub: "ada", nonce });
});

it("takes no return that it did not ask for, and goes on waiting for its own", async () => {
  const token = await idTokenByBrowser(
    wish(async (url) => {
      const back = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
      back.search = "?code=stolen&state=guessed";
      expect((await fetch(back)).status).toBe(404);
      await provider.browse("bob", url);
    }),
  );
  expect(decodeJwt(token).sub).toBe("bob");
});

it("says who refused, or did not answer, and reaches no provider in the clear", async () => {
  provider.denies = true;
  const denied = idTokenByBrowser(wish((url) => provider.browse("ada", url)));
  await expect(denied).rejects.toMatchObject({ code: "SIGN_IN_DENIED", facts: { reason: "access_denied" } });
  provider.denies = false;
  const late = idTokenByBrowser({ ...wish(() => {}), timeoutMs: 50 });
  await expect(late).rejects.toMatchObject({ code: "SIGN_IN_TIMEOUT" });
  provider.isDown = true;
  await expect(idTokenByBrowser(wish(() => {}))).rejects.toMatchObject({ code: "PROVIDER_UNREACHABLE" });
  provider.isDown = false;
  const clear = idTokenByBrowser({ ...wish(() => {}), issuer: "http://idp.example" });
  await expect(clear).rejects.toMatchObject({ code: "ISSUER_IN_THE_CLEAR" });
});
