import { SessionServiceService } from "@cos/proto/gateway";
import { type GrpcService, type GrpcServiceOptions, grpcService } from "@cos/service-host";
import type { Sessions } from "../../app/sessions.ts";
import { orRefuse } from "./or-refuse.ts";
import { readAddress, readSignature, readText } from "./read-fields.ts";

export const sessionService = (sessions: Sessions, options: GrpcServiceOptions): GrpcService =>
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
    },
    options,
  );

/** `ipv4:10.0.0.7:51234` -> `ipv4:10.0.0.7`: a caller's ports change, its host is what is limited. */
const hostOf = (peer: string): string => peer.replace(/:\d+$/, "");
