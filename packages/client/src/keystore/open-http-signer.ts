import { type DigestSigner, type HttpSignerOptions, openHttpSigner as open, SignerError } from "@cos/chain";
import { CosFailure } from "../failure.ts";

/** As `@cos/chain` opens it, with faults told to a person. @throws CosFailure */
export async function openHttpSigner(options: HttpSignerOptions): Promise<DigestSigner> {
  const signer = await open(options).catch(toFailure);
  return { ...signer, signDigest: (digest) => signer.signDigest(digest).catch(toFailure) };
}

const kinds = {
  SIGNER_IN_THE_CLEAR: "usage",
  SIGNER_UNREACHABLE: "unavailable",
  SIGNER_UNTRUSTED: "refused",
  SIGNER_REFUSED: "refused",
} as const;

function toFailure(error: unknown): never {
  if (!(error instanceof SignerError)) throw error;
  const { code, message, status } = error;
  throw new CosFailure(
    kinds[code],
    code,
    message,
    status === undefined ? {} : { facts: { status: String(status) } },
  );
}
