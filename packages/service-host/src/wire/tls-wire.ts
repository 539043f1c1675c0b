import { X509Certificate } from "node:crypto";
import { ChannelCredentials, experimental } from "@grpc/grpc-js";
import { type GrpcDefinition, serviceNameOf } from "../grpc-types.ts";
import { CertificateFiles, type TlsFiles } from "./certificate-files.ts";
import { identityOf } from "./identity-of.ts";
import { hostOf } from "./who-may-call.ts";
import type { Wire } from "./wire.ts";

export interface TlsOptions {
  /** How often the files are looked at. */
  readonly refreshMs?: number;
}

/**
 * TLS 1.2 or newer by PEM files, which may be replaced while the process runs. A caller checks that the server's certificate names
 * the service that it means to call; the host's name plays no part, since services move. A server asks callers for a
 * certificate, and serves those without one only what anyone may call.
 */
export async function openTlsWire(files: TlsFiles, { refreshMs = 10_000 }: TlsOptions = {}): Promise<Wire> {
  const provider = await CertificateFiles.open(files, refreshMs);
  const { cert } = provider.current;
  const self = cert === undefined ? undefined : identityOf(new X509Certificate(cert));
  if (cert !== undefined && self === undefined) {
    throw new Error(
      "the TLS certificate names no service: it needs one SAN such as URI:spiffe://cos/gateway",
    );
  }
  return {
    serverCredentials: () => {
      if (cert === undefined) throw new Error("a server under TLS needs a certificate and its key");
      return experimental.createCertificateProviderServerCredentials(provider, provider, false);
    },
    clientCredentials: (definition) =>
      experimental.createCertificateProviderChannelCredentials(
        provider,
        cert === undefined ? null : provider,
        mustBeHostOf(definition),
      ),
    knowsCallers: true,
    self,
    close: () => provider.close(),
  };
}

/**
 * TLS for people, who have no certificate and sign what they ask instead: servers must be certified by this authority.
 * @param caPem PEM, as the platform file carries it
 */
export function publicTlsWire(caPem: string): Wire {
  const ca = Buffer.from(caPem);
  return {
    serverCredentials: () => {
      throw new Error("a server under TLS needs a certificate and its key");
    },
    clientCredentials: (definition) => ChannelCredentials.createSsl(ca, null, null, mustBeHostOf(definition)),
    knowsCallers: true,
    close: () => {},
  };
}

/** Checks a server's certificate for the service that is to answer; who signed it is checked before. */
function mustBeHostOf(definition: GrpcDefinition) {
  const expected = hostOf(serviceNameOf(definition));
  return {
    checkServerIdentity: (_host: string, peer: { readonly raw: Buffer }): Error | undefined => {
      const found = identityOf(new X509Certificate(peer.raw));
      const isService = found !== undefined && found !== "operator";
      if (isService && (expected === undefined || found === expected)) return undefined;
      return new Error(`the server is not ${expected ?? "a service"} by its certificate`);
    },
  };
}
