import type { AccessServiceService, CheckAccessResponse } from "@cos/proto/access";
import { canonicalJson } from "@cos/protocol";
import { type GrpcHandlers, RpcFault, type StatusName } from "@cos/service-host";
import type { CheckAccessAnswer, CheckAccessCommand } from "../../app/check-access.ts";
import type { MirrorMonitor } from "../../app/mirror-monitor.ts";
import type { MirrorStore } from "../../app/mirror-store.ts";
import type { ReadModelQueries } from "../../app/read-model-queries.ts";
import type { CheckError } from "../../domain/check-access.ts";
import type { Grant, Granted } from "../../domain/grant.ts";
import type { Subject } from "../../domain/subjects-of.ts";
import { stageOf, toChainEvent } from "../store/log-codec.ts";
import {
  addressField,
  digestField,
  numberField,
  optionalAddress,
  optionalNumber,
  pageLimit,
  placeField,
  toCheckAccess,
  toPageToken,
} from "./read-request.ts";
import {
  toBytes,
  toWireAlgorithm,
  toWireDataset,
  toWireGrant,
  toWirePermit,
  toWireRequest,
} from "./to-wire.ts";

export type AccessHandlerDeps = {
  readonly checkAccess: (command: CheckAccessCommand) => Promise<CheckAccessAnswer>;
  readonly models: ReadModelQueries;
  readonly mirror: Pick<MirrorStore, "state">;
  readonly monitor: MirrorMonitor;
};

/** Lists of requests, grants and programs are whole: what one dataset or grantee has of them is few. */
const wholeList = 10_000;

/** The read-only service: each rpc decodes, asks once and encodes. */
export function accessHandlers(deps: AccessHandlerDeps): GrpcHandlers<typeof AccessServiceService> {
  const { models, mirror, monitor } = deps;
  const wireDataset = async (datasetId: string) => {
    const dataset = await models.get("dataset", datasetId);
    if (!dataset) throw notFound({ datasetId });
    return toWireDataset(dataset, await models.get("identity", dataset.sbtId));
  };
  const wireGrant = async (grant: Grant & { readonly granted: Granted }) =>
    toWireGrant(grant, await models.get("dataset", grant.datasetId));

  return {
    checkAccess: async (request) => toCheckResponse(await deps.checkAccess(toCheckAccess(request))),

    getDataset: async (request) => ({
      dataset: await wireDataset(numberField(request.datasetId, "dataset_id")),
    }),

    listDatasets: async (request) => {
      const limit = pageLimit(request.pageSize);
      const before = placeField(request.pageToken);
      const account = optionalAddress(request.owner, "owner");
      const found = await models.list("dataset", {
        account,
        datasetId: "",
        limit,
        ...(before && { before }),
      });
      const last = found.at(-1);
      return {
        datasets: await Promise.all(found.map(({ state }) => wireDataset(state.datasetId))),
        nextPageToken: last && found.length === limit ? toPageToken(last.at) : "",
      };
    },

    listRequests: async (request) => {
      const found = await models.list("grant", filterOf(request));
      return { requests: found.map(({ state }) => toWireRequest(state)) };
    },

    getGrant: async (request) => {
      const grantId = numberField(request.grantId, "grant_id");
      const grant = await models.get("grant", grantId);
      if (!grant || !isGranted(grant)) throw notFound({ grantId });
      return { grant: await wireGrant(grant) };
    },

    listGrants: async (request) => {
      const found = await models.list("grant", filterOf(request));
      return {
        grants: await Promise.all(
          found
            .map(({ state }) => state)
            .filter(isGranted)
            .map(wireGrant),
        ),
      };
    },

    getPermit: async (request) => {
      const permitId = digestField(request.permitId, "permit_id");
      const [permit, state] = await Promise.all([models.get("permit", permitId), mirror.state()]);
      if (!permit) throw notFound({ permitId });
      return { permit: toWirePermit(permit, state?.cursor.finalizedNumber ?? -1) };
    },

    getAlgorithm: async (request) => {
      const algorithmId = digestField(request.algorithmId, "algorithm_id");
      const algorithm = await models.get("algorithm", algorithmId);
      if (!algorithm) throw notFound({ algorithmId });
      return { algorithm: toWireAlgorithm(algorithm) };
    },

    listAlgorithms: async () => {
      const found = await models.list("algorithm", { account: "", datasetId: "", limit: wholeList });
      return { algorithms: found.map(({ state }) => toWireAlgorithm(state)).reverse() };
    },

    getRegion: async (request) => {
      const subject = addressField(request.subject, "subject");
      const region = await models.get("region", subject);
      if (!region) throw notFound({ subject });
      return { regionCode: toBytes(region.regionCode), expiry: region.expiry };
    },

    listAuditEvents: async (request) => {
      const [trail, state] = await Promise.all([models.auditTrail(subjectOf(request)), mirror.state()]);
      const chainId = state?.chainId ?? 0n;
      return { events: trail.map(({ log, stage }) => toChainEvent(chainId, log, stageOf[stage])) };
    },

    getMirrorStatus: async () => {
      const [state, time] = await Promise.all([mirror.state(), models.mirroredBlockTime()]);
      const progress = monitor.read();
      return {
        headNumber: height(progress.head),
        confirmedNumber: height(state?.cursor.confirmedNumber),
        finalizedNumber: height(state?.cursor.finalizedNumber),
        state: state?.haltReason ? "halted" : progress.dispute === undefined ? progress.state : "disputed",
        haltReason: state?.haltReason || (progress.dispute ?? ""),
        mirroredBlockTime: BigInt(time),
      };
    },
  };
}

/** What an error means to the caller: a refusal is an answer; a mirror that cannot permit is a fault. */
const faultStatus = {
  MIRROR_BEHIND: "UNAVAILABLE",
  MIRROR_HALTED: "UNAVAILABLE",
  MIRROR_DISPUTED: "UNAVAILABLE",
} as const satisfies Partial<Record<CheckError["code"], StatusName>>;

const isFault = (error: CheckError): error is Extract<CheckError, { code: keyof typeof faultStatus }> =>
  error.code in faultStatus;

function toCheckResponse({ decision, blockNumber }: CheckAccessAnswer): CheckAccessResponse {
  const at = { blockNumber: BigInt(blockNumber) };
  if (decision.ok) {
    return { ...at, allowed: true, code: "", clause: 0, factsJson: "", version: decision.value.version };
  }
  const { error } = decision;
  if (isFault(error)) throw RpcFault.of(error, faultStatus);
  const { code, clause, facts } = error;
  return { ...at, allowed: false, code, clause, factsJson: canonicalJson(facts), version: 0 };
}

const filterOf = (request: { readonly datasetId: string; readonly grantee: Uint8Array }) => ({
  account: optionalAddress(request.grantee, "grantee"),
  datasetId: optionalNumber(request.datasetId, "dataset_id"),
  limit: wholeList,
});

function subjectOf(request: { datasetId: string; permitId: Uint8Array; grantId: string }): Subject {
  const given = [request.datasetId !== "", request.permitId.length > 0, request.grantId !== ""];
  if (given.filter(Boolean).length !== 1) {
    throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", {
      field: "exactly one of dataset_id, permit_id, grant_id",
    });
  }
  if (request.datasetId !== "") return { kind: "dataset", id: numberField(request.datasetId, "dataset_id") };
  if (request.grantId !== "") return { kind: "grant", id: numberField(request.grantId, "grant_id") };
  return { kind: "permit", id: digestField(request.permitId, "permit_id") };
}

const isGranted = (grant: Grant): grant is Grant & { readonly granted: Granted } =>
  grant.granted !== undefined;

const notFound = (facts: Record<string, string>): RpcFault => new RpcFault("NOT_FOUND", "NOT_FOUND", facts);

const height = (number: number | undefined): bigint => BigInt(Math.max(0, number ?? 0));
