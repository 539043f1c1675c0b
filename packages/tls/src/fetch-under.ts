import { Agent, buildConnector, type RequestInit as UndiciInit, fetch as undiciFetch } from "undici";
import { clientTlsOptions, type TlsMaterial } from "./tls-material.ts";

/** HTTP connections that believe the material's authority, and show its certificate, as it is when they are opened. */
export function agentUnder(
  material: TlsMaterial,
  { connectTimeout, ...options }: Omit<Agent.Options, "connect"> & { readonly connectTimeout?: number } = {},
): Agent {
  return new Agent({
    ...options,
    connect: (options, callback) => {
      const { ca, cert, key, ...rest } = clientTlsOptions(material);
      buildConnector({
        ...rest,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(connectTimeout === undefined ? {} : { timeout: connectTimeout }),
        maxCachedSessions: 0, // a resumed session would not be checked against a new authority
      })(options, callback);
    },
  });
}

export interface TlsFetch {
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

/** `fetch` over such connections. */
export function fetchUnder(material: TlsMaterial): TlsFetch {
  const agent = agentUnder(material);
  const call = (input: string | URL, init?: UndiciInit) => undiciFetch(input, { ...init, dispatcher: agent });
  return { fetch: call as unknown as typeof fetch, close: () => agent.destroy() };
}
