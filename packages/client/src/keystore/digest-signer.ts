import { type Address, asAddress } from "@cos/protocol";
import { computeAddress } from "ethers";
import { z } from "zod";
import { CosFailure } from "../failure.ts";

/** A secp256k1 key that somebody else holds, such as a KMS: it signs digests and never shows itself. */
export type DigestSigner = {
  /** The key's address; checked against every signature. */
  readonly address: Address;
  /** @param digest 32 bytes @returns r and s, 32 bytes each; any of the two s that fit */
  signDigest(digest: Uint8Array): Promise<{ readonly r: Uint8Array; readonly s: Uint8Array }>;
};

export type HttpSignerOptions = {
  /** Root of the signer, https or loopback. */
  readonly url: string;
  readonly keyId: string;
  /** Sent as `authorization: Bearer`; read from a file by the caller, never from a command line. */
  readonly token?: string;
  readonly timeoutMs?: number;
};

const hexOf = (bytes: number) => z.string().regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`));
const keyAnswer = z.object({ publicKey: hexOf(65) });
const signatureAnswer = z.object({ r: hexOf(32), s: hexOf(32) });

/**
 * A signer over HTTP: `GET URL/v1/keys/ID` answers `{ publicKey }`, uncompressed, and `POST URL/v1/keys/ID/sign` with
 * `{ digest }` answers `{ r, s }`, all `0x` hex. A small process in front of any KMS speaks this.
 */
export async function openHttpSigner(options: HttpSignerOptions): Promise<DigestSigner> {
  const { hostname, protocol } = new URL(options.url);
  if (protocol !== "https:" && !/^(127\.|localhost$|\[::1\])/.test(hostname)) {
    throw new CosFailure(
      "usage",
      "SIGNER_IN_THE_CLEAR",
      "a signer is reached over https, or on this machine",
    );
  }
  const { publicKey } = keyAnswer.parse(await ask(options, "", undefined));
  return {
    address: asAddress(computeAddress(publicKey)),
    signDigest: async (digest) => {
      const wish = { digest: `0x${Buffer.from(digest).toString("hex")}` };
      const { r, s } = signatureAnswer.parse(await ask(options, "/sign", wish));
      return { r: Buffer.from(r.slice(2), "hex"), s: Buffer.from(s.slice(2), "hex") };
    },
  };
}

async function ask(
  { url, keyId, token, timeoutMs = 10_000 }: HttpSignerOptions,
  path: string,
  body: object | undefined,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`${url.replace(/\/$/, "")}/v1/keys/${encodeURIComponent(keyId)}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    throw new CosFailure("unavailable", "SIGNER_UNREACHABLE", "the signer does not answer");
  }
  if (response.ok) return response.json();
  throw new CosFailure("refused", "SIGNER_REFUSED", `the signer refused (${response.status})`, {
    facts: { status: String(response.status) },
  });
}
