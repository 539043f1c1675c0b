import { randomBytes } from "node:crypto";
import { descriptorSet } from "@cos/proto";
import { TicketServiceService } from "@cos/proto/gateway";
import { type Address, asDigest, ticketRedemptionHash } from "@cos/protocol";
import { grpcService, hostService } from "@cos/service-host";
import { recoverAddress, Signature } from "ethers";
import { CompactSign, compactVerify, generateKeyPair } from "jose";
import { ready } from "./peer.ts";

/**
 * A gateway that keeps nothing: checks a session's signature and makes a ticket's, or recovers who signed a proof, as the
 * real one must for each call.
 */
const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
const holder = `0x${"5a".repeat(20)}` as Address;
const audience = "http://127.0.0.1:1";
const sign = (claims: object): Promise<string> =>
  new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: "EdDSA" }).sign(privateKey);
const session = await sign({ iss: audience, aud: audience, sub: holder, iat: 1, exp: 2 });

const service = grpcService(
  TicketServiceService,
  {
    issueTicket: async () => {
      await compactVerify(session, publicKey);
      const ticketId = randomBytes(32);
      const ticket = { kind: "OWN_DATASET", datasetId: "1", version: 1 };
      const claims = { iss: audience, aud: audience, jti: ticketId.toString("hex"), sub: holder, ticket };
      return { ticket: await sign(claims), ticketId, expiresAt: new Date() };
    },
    redeemTicket: async ({ proof, proofIssuedAt }) => {
      await compactVerify(session, publicKey);
      await compactVerify(session, publicKey); // stands for the ticket
      const about = { ticketId: asDigest(`0x${"5a".repeat(32)}`), audience, issuedAt: Number(proofIssuedAt) };
      recoverAddress(
        ticketRedemptionHash(1n, about),
        Signature.from(`0x${Buffer.from(proof).toString("hex")}`),
      );
      return { transferToken: "", baseUrl: audience, expiresAt: new Date(), maxBytes: 0n };
    },
    revokeTicket: async () => ({}),
  },
  { onBug: (_rpc, error) => console.error(error) },
);
const { grpcAddress } = await hostService({
  host: "127.0.0.1",
  grpc: { port: 0, services: [service], descriptorSet: descriptorSet() },
});
ready(grpcAddress);
