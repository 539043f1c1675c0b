import { AccessServiceService } from "@cos/proto/access";
import {
  asAddress,
  type RefusalCode as ClauseCode,
  datasetWithdrawn,
  err,
  OutputPolicy,
  ok,
  refusalCodes,
} from "@cos/protocol";
import { createGrpcClient, RpcFault, type Wire } from "@cos/service-host";
import { type AccessPort, ServiceUnavailable } from "../../app/ports.ts";
import { type Refusal, refusal } from "../../domain/refusal.ts";
import { shareAnswers } from "../share-answers.ts";
import { toBytes, toDigest, toHex } from "./wire.ts";

const clauseCodes: ReadonlySet<string> = new Set([
  ...Object.values(refusalCodes).map(({ code }) => code),
  datasetWithdrawn.code,
]);

/** The access service over gRPC; those who ask it the same at the same time share an answer. @param address `host:port` */
export function accessClient(
  address: string,
  metadata: Readonly<Record<string, string>>,
  wire?: Wire,
): AccessPort & { close(): void } {
  const client = createGrpcClient(AccessServiceService, address, metadata, { wire });
  return {
    checkAccess: shareAnswers(async ({ grantee, purposeHash, regionCode, op, ...rest }) => {
      const answer = await reach(() =>
        client.checkAccess({
          grantId: rest.grantId,
          datasetId: rest.datasetId,
          version: rest.version,
          grantee: toBytes(grantee),
          opMask: op,
          purposeHash: toBytes(purposeHash),
          regionCode: toBytes(regionCode),
          tickets: 0, // The session reserved them on chain; the gateway counts them.
          epsilonMicro: 0n,
          deltaNano: 0n,
          exactReleases: 0,
          algorithmId: Buffer.alloc(0),
          permitId: Buffer.alloc(0),
        }),
      );
      if (answer.allowed) return ok({ version: answer.version });
      return err(toRefusal(answer.code, answer.clause, answer.factsJson));
    }, JSON.stringify),

    getDataset: shareAnswers(async (datasetId) => {
      const dataset = (await found(() => client.getDataset({ datasetId })))?.dataset;
      if (dataset === undefined) return undefined;
      return {
        owner: asAddress(toHex(dataset.owner)),
        status: toStatus(dataset.status),
        suspended: dataset.suspended,
        versions: dataset.versions.map(({ version, reason, manifestCommitment, manifestUri }) => ({
          version,
          reason,
          manifestUri,
          manifestCommitment: toDigest(manifestCommitment),
        })),
      };
    }),

    getGrant: shareAnswers(async (grantId) => {
      const grant = (await found(() => client.getGrant({ grantId })))?.grant;
      if (grant?.terms === undefined) return undefined;
      const policy = grant.terms.outputPolicy;
      const resultMayReachGrantee =
        policy === OutputPolicy.ReencryptToGrantee || policy === OutputPolicy.MultiKey;
      return { resultMayReachGrantee: resultMayReachGrantee && !grant.revoked };
    }),

    getPermit: shareAnswers(async (permitId) => {
      const permit = (await found(() => client.getPermit({ permitId: toBytes(permitId) })))?.permit;
      if (permit?.terms === undefined) return undefined;
      return {
        grantee: asAddress(toHex(permit.terms.grantee)),
        state: permit.state,
        resultUri: permit.resultUri,
        datasets: permit.terms.datasets.map(({ datasetId, grantId }) => ({ datasetId, grantId })),
      };
    }),

    getRegion: shareAnswers(async (subject) => {
      const region = await found(() => client.getRegion({ subject: toBytes(subject) }));
      if (region === undefined) return undefined;
      return { regionCode: toDigest(region.regionCode), expiry: Number(region.expiry) };
    }),

    close: () => client.close(),
  };
}

/** A malformed id is the gateway's bug; anything else that is no answer means that nothing can be decided now. */
async function reach<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof RpcFault && (error.status === "INVALID_ARGUMENT" || error.status === "NOT_FOUND"))
      throw error;
    throw new ServiceUnavailable("access", { cause: error });
  }
}

async function found<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await reach(call);
  } catch (error) {
    if (error instanceof RpcFault && error.status === "NOT_FOUND") return undefined;
    throw error;
  }
}

function toRefusal(code: string, clause: number, factsJson: string): Refusal {
  if (!clauseCodes.has(code)) throw new ServiceUnavailable("access", { cause: `unknown refusal ${code}` });
  return refusal(code as ClauseCode, { clause, ...plainFacts(factsJson) });
}

function plainFacts(json: string): Refusal["facts"] {
  const facts: unknown = json === "" ? {} : JSON.parse(json);
  return Object.fromEntries(
    Object.entries(facts as Record<string, unknown>).map(([name, value]) => [name, String(value)]),
  );
}

function toStatus(status: string): "active" | "paused" | "withdrawn" {
  if (status === "active" || status === "paused" || status === "withdrawn") return status;
  throw new ServiceUnavailable("access", { cause: `unknown dataset status ${status}` });
}
