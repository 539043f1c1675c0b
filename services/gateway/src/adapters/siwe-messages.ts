import { asAddress, asDigest, err, ok } from "@cos/protocol";
import { SiweMessage } from "@signinwithethereum/siwe";
import { getAddress, hashMessage } from "ethers";
import type { SignInMessagePort } from "../app/ports.ts";
import { refusal } from "../domain/refusal.ts";

export type SiweSettings = {
  /** The gateway's public URL; its authority is the message's domain. */
  readonly publicUrl: string;
  readonly chainId: bigint;
};

const maxMessageLength = 2000;
const statement = "Sign in to COS. This signature costs nothing and grants nobody access to data.";

/** EIP-4361 messages, written and strictly parsed (ABNF) by the `siwe` package. */
export function siweMessages({ publicUrl, chainId }: SiweSettings): SignInMessagePort {
  const domain = new URL(publicUrl).host;
  const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString();

  const write: SignInMessagePort["write"] = ({ address, nonce, issuedAt, expiresAt }) =>
    new SiweMessage({
      domain,
      address: getAddress(address),
      statement,
      uri: publicUrl,
      version: "1",
      chainId: Number(chainId),
      nonce,
      issuedAt: isoTime(issuedAt),
      expirationTime: isoTime(expiresAt),
    }).prepareMessage();
  /** What this gateway would have written with the message's nonce and times. */
  const rewritten = ({
    address,
    nonce,
    issuedAt = "",
    expirationTime = "",
  }: SiweMessage): string | undefined => {
    const times = [issuedAt, expirationTime].map((time) => Date.parse(time) / 1000);
    const [from = Number.NaN, to = Number.NaN] = times;
    if (!times.every(Number.isSafeInteger)) return undefined;
    return write({ address: asAddress(address), nonce, issuedAt: from, expiresAt: to });
  };

  return {
    write,

    read: (text, now) => {
      const invalid = (field: string) => err(refusal("SIGN_IN_MESSAGE_INVALID", { field }));
      if (text.length > maxMessageLength) return invalid("length");
      const message = parse(text);
      if (message === undefined) return invalid("format");
      if (message.domain !== domain) return invalid("domain");
      if (message.uri !== publicUrl) return invalid("uri");
      if (BigInt(message.chainId) !== chainId) return invalid("chainId");
      if (message.version !== "1") return invalid("version");
      if (!isWithin(message, now)) return invalid("expirationTime");
      // Nothing of the caller's own is signed along: another statement, resources, a request id.
      if (text !== rewritten(message)) return invalid("text");
      return ok({
        address: asAddress(message.address),
        nonce: message.nonce,
        hash: asDigest(hashMessage(text)),
      });
    },
  };
}

function parse(text: string): SiweMessage | undefined {
  try {
    return new SiweMessage(text);
  } catch {
    return undefined;
  }
}

function isWithin(message: SiweMessage, now: number): boolean {
  const at = now * 1000;
  const { expirationTime, notBefore } = message;
  if (expirationTime === undefined || !(at < Date.parse(expirationTime))) return false;
  return notBefore === undefined || at >= Date.parse(notBefore);
}
