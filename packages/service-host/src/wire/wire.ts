import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import type { GrpcDefinition } from "../grpc-types.ts";
import type { Caller } from "./who-may-call.ts";

/** How gRPC runs between processes: in the clear, or under TLS with certificates that say who is who. */
export interface Wire {
  /** For a listener on `host`. Throws where the wire must not be used. */
  serverCredentials(host: string): ServerCredentials;
  /** For a channel to `address`, `host:port`, whose server must be who `definition` says. Throws likewise. */
  clientCredentials(definition: GrpcDefinition, address: string): ChannelCredentials;
  /** Whether callers prove who they are, so that each rpc can be checked. */
  readonly knowsCallers: boolean;
  /** Who this process is to others; undefined where it has no certificate. */
  readonly self?: Caller | undefined;
  close(): void;
}

/**
 * No encryption, no identities: the service token is all that guards internal rpcs.
 * @param anywhere also between machines; by default a listener or channel that leaves the loopback is refused
 */
export function plaintextWire({ anywhere = false } = {}): Wire {
  const check = (host: string) => {
    if (anywhere || isLoopback(host)) return;
    throw new Error(
      `gRPC in the clear is for one machine only, and ${host} is not it: set COS_TLS_CERT_FILE, COS_TLS_KEY_FILE and ` +
        "COS_TLS_CA_FILE, or COS_PLAINTEXT=true where another layer encrypts",
    );
  };
  return {
    serverCredentials: (host) => {
      check(host);
      return ServerCredentials.createInsecure();
    },
    clientCredentials: (_definition, address) => {
      check(address.slice(0, address.lastIndexOf(":")));
      return ChannelCredentials.createInsecure();
    },
    knowsCallers: false,
    close: () => {},
  };
}

/** Whether a host's packets stay on the machine. Names other than `localhost` may resolve to anything. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
