import { type CertificateWatch, fetchUnder, watchAuthority } from "@cos/tls";
import type { OidcProvider } from "./oidc-tokens.ts";

/** https to the identity providers that name an authority of their own. */
export interface OidcWires {
  readonly fetches: ReadonlyMap<string, typeof fetch>;
  close(): Promise<void>;
}

/**
 * Opens them. A provider's key set may lie on another host than its issuer; both are believed by the same authority, whose
 * file is read again when it changes.
 * @throws TlsSettingError when a file cannot be used, or its provider is reached in the clear
 */
export async function openOidcWires(providers: readonly OidcProvider[]): Promise<OidcWires> {
  const opened: { issuer: string; watch: CertificateWatch }[] = [];
  try {
    for (const [at, { issuer, caFile }] of providers.entries()) {
      if (caFile === undefined) continue;
      const setting = `COS_GATEWAY_OIDC_PROVIDERS_FILE, ${at}.caFile`;
      opened.push({ issuer, watch: await watchAuthority(setting, { caFile, url: issuer }) });
    }
  } catch (cause) {
    for (const { watch } of opened) watch.close();
    throw cause;
  }
  const wires = opened.map(({ issuer, watch }) => ({ issuer, watch, secure: fetchUnder(watch) }));
  return {
    fetches: new Map(wires.map(({ issuer, secure }) => [issuer, secure.fetch])),
    close: async () => {
      for (const { watch, secure } of wires) {
        watch.close();
        await secure.close();
      }
    },
  };
}
