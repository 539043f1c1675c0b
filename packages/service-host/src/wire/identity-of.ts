import { X509Certificate } from "node:crypto";
import { type Caller, callers } from "./who-may-call.ts";

/** `spiffe://cos/<service>`, or as a DNS name `<service>.cos.internal` where an authority issues no URIs. */
const uriPrefix = "URI:spiffe://cos/";
const dnsSuffix = ".cos.internal";

/**
 * Who a certificate says that its holder is, by its subject alternative names. A certificate that names two identities
 * names none: it would be accepted as whichever the other side asks for.
 */
export function identityOf(certificate: X509Certificate): Caller | undefined {
  const names = new Set((certificate.subjectAltName ?? "").split(", ").flatMap(identityIn));
  const [only] = names;
  return names.size === 1 ? callers.find((caller) => caller === only) : undefined;
}

/** DER bytes, as a TLS socket has them, to a certificate that is valid now. */
export function validAt(der: Buffer, now: number): X509Certificate | undefined {
  const certificate = new X509Certificate(der);
  const begins = Date.parse(certificate.validFrom);
  const ends = Date.parse(certificate.validTo);
  return now >= begins && now < ends ? certificate : undefined;
}

function identityIn(name: string): string[] {
  if (name.startsWith(uriPrefix)) return [name.slice(uriPrefix.length)];
  if (name.startsWith("URI:spiffe://")) return [name];
  if (name.startsWith("DNS:") && name.endsWith(dnsSuffix)) return [name.slice(4, -dnsSuffix.length)];
  return [];
}
