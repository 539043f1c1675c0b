import { SessionServiceService } from "@cos/proto/gateway";
import { type GrpcService, type GrpcServiceOptions, grpcService } from "@cos/service-host";
import type { OidcSessions } from "../../app/oidc-sessions.ts";
import type { Sessions } from "../../app/sessions.ts";
import { orRefuse } from "./or-refuse.ts";
import { readAddress, readCaller, readSignature, readText } from "./read-fields.ts";
import { toBytes } from "./wire.ts";

const maxIdToken = 16 * 1024;

export const sessionService = (
  sessions: Sessions,
  oidc: OidcSessions,
  options: GrpcServiceOptions,
): GrpcService =>
  grpcService(
    SessionServiceService,
    {
      createChallenge: async ({ address }, { peer }) => {
        const challenge = await orRefuse(
          sessions.createChallenge(readAddress(address, "address"), hostOf(peer)),
        );
        return { message: challenge.message, expiresAt: new Date(challenge.expiresAt * 1000) };
      },
      signIn: async ({ message, signature }, { peer }) => {
        const text = readText(message, "message", 2000);
        const proof = readSignature(signature, "signature");
        const session = await orRefuse(sessions.signIn(text, proof, hostOf(peer)));
        return { accessToken: session.accessToken, expiresAt: new Date(session.expiresAt * 1000) };
      },
      createOidcNonce: async ({ issuer }, { peer }) => {
        const created = await orRefuse(oidc.createNonce(readText(issuer, "issuer", 255), hostOf(peer)));
        return { ...created, expiresAt: new Date(created.expiresAt * 1000) };
      },
      bindOidc: async ({ idToken, address, signature }, { peer }) => {
        const wish = {
          idToken: readText(idToken, "id_token", maxIdToken),
          address: readAddress(address, "address"),
          signature: readSignature(signature, "signature"),
        };
        await orRefuse(oidc.bind(wish, hostOf(peer)));
        return {};
      },
      signInOidc: async ({ idToken }, { peer }) => {
        const session = await orRefuse(oidc.signIn(readText(idToken, "id_token", maxIdToken), hostOf(peer)));
        const { accessToken, address, expiresAt } = session;
        return { accessToken, address: toBytes(address), expiresAt: new Date(expiresAt * 1000) };
      },
      unbindOidc: async ({ issuer, subject }, call) => {
        const caller = await readCaller(sessions, call);
        const account = {
          issuer: readText(issuer, "issuer", 255),
          subject: readText(subject, "subject", 255),
        };
        await orRefuse(oidc.unbind(caller, account));
        return {};
      },
    },
    options,
  );

/** `ipv4:10.0.0.7:51234` -> `ipv4:10.0.0.7`: a caller's ports change, its host is what is limited. */
const hostOf = (peer: string): string => peer.replace(/:\d+$/, "");
