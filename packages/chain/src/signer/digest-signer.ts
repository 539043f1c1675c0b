import { type Address, asAddress } from "@cos/protocol";
import { isTlsRefusal, tlsRefusalOf } from "@cos/tls";
import { computeAddress } from "ethers";

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
  /** How https is spoken, where public authorities are not who certified the signer. */
  readonly fetch?: typeof fetch | undefined;
};

export type SignerErrorCode =
  /** A signer off this machine is reached over https only. */
  | "SIGNER_IN_THE_CLEAR"
  | "SIGNER_UNREACHABLE"
  /** Its certificate is not believed, or it speaks no TLS. */
  | "SIGNER_UNTRUSTED"
  /** It answered, and not with what was asked. `status` is its HTTP status. */
  | "SIGNER_REFUSED";

export class SignerError extends Error {
  readonly code: SignerErrorCode;
  readonly status: number | undefined;
  constructor(code: SignerErrorCode, message: string, status?: number) {
    super(message);
    this.name = "SignerError";
    this.code = code;
    this.status = status;
  }
}

/**
 * A signer over HTTP: `GET URL/v1/keys/ID` answers `{ publicKey }`, uncompressed, and `POST URL/v1/keys/ID/sign` with
 * `{ digest }` answers `{ r, s }`, all `0x` hex. A small process in front of any KMS speaks this.
 * @throws SignerError
 */
export async function openHttpSigner(options: HttpSignerOptions): Promise<DigestSigner> {
  const { hostname, protocol } = new URL(options.url);
  if (protocol !== "https:" && !/^(127(\.\d{1,3}){3}|localhost|\[::1\])$/.test(hostname)) {
    throw new SignerError("SIGNER_IN_THE_CLEAR", "a signer is reached over https, or on this machine");
  }
  const publicKey = hexOf(await ask(options, "", undefined), "publicKey", 65);
  return {
    address: asAddress(computeAddress(publicKey).toLowerCase()),
    signDigest: async (digest) => {
      const wish = { digest: `0x${Buffer.from(digest).toString("hex")}` };
      const answer = await ask(options, "/sign", wish);
      const bytes = (name: "r" | "s") => Buffer.from(hexOf(answer, name, 32).slice(2), "hex");
      return { r: bytes("r"), s: bytes("s") };
    },
  };
}

function hexOf(answer: unknown, name: string, bytes: number): string {
  const value = (answer as Record<string, unknown> | null)?.[name];
  if (typeof value === "string" && new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`).test(value)) return value;
  throw new SignerError("SIGNER_REFUSED", `the signer's answer has no ${name}`);
}

async function ask(
  { url, keyId, token, timeoutMs = 10_000, fetch: call = fetch }: HttpSignerOptions,
  path: string,
  body: object | undefined,
): Promise<unknown> {
  let response: Response;
  try {
    response = await call(`${url.replace(/\/$/, "")}/v1/keys/${encodeURIComponent(keyId)}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.ok) return await response.json();
  } catch (cause) {
    if (isTlsRefusal(cause))
      throw new SignerError("SIGNER_UNTRUSTED", `the signer is not believed (${tlsRefusalOf(cause)})`);
    throw new SignerError("SIGNER_UNREACHABLE", "the signer does not answer");
  }
  throw new SignerError("SIGNER_REFUSED", `the signer refused (${response.status})`, response.status);
}
