import { descriptorSet } from "@cos/proto";
import { AccessServiceService } from "@cos/proto/access";
import type { Digest } from "@cos/protocol";
import {
  type GrpcHandlers,
  grpcService,
  hostService,
  RpcFault,
  requireServiceToken,
} from "@cos/service-host";

export type StandInDataset = {
  regionCode: Digest;
  versions: { version: number; manifestCommitment: Digest; manifestUri: string }[];
};

/** What the mirror would know; tests change it as the chain would. Keys are hex or decimal. */
export type MirrorFacts = {
  permits: Map<string, string>;
  datasets: Map<string, StandInDataset>;
  algorithms: Map<string, { state: string; uri: string }>;
  /** Worker -> region code. */
  regions: Map<string, Digest>;
  /** Grant -> code that refuses it, and its clause. */
  refusals: Map<string, { code: string; clause: number }>;
  finalized: bigint;
  /** The service cannot answer now. */
  down: boolean;
};

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");
const empty = Buffer.alloc(0);

/** Another service, `access`, as this one sees it: real gRPC, the questions that the orchestrator asks, nothing else. */
export async function startAccessStandIn(facts: MirrorFacts, serviceToken: string) {
  const found = <T>(value: T | undefined): T => {
    if (value === undefined) throw new RpcFault("NOT_FOUND", "NOT_FOUND");
    return value;
  };
  const unused = async (): Promise<never> => {
    throw new RpcFault("UNIMPLEMENTED", "UNUSED");
  };
  const handlers: GrpcHandlers<typeof AccessServiceService> = {
    checkAccess: async ({ grantId, permitId, opMask, version }) => {
      if (permitId.length !== 32 || opMask !== 8 || version === 0)
        throw new RpcFault("INVALID_ARGUMENT", "BAD_QUESTION");
      const refusal = facts.refusals.get(grantId);
      return {
        allowed: refusal === undefined,
        code: refusal?.code ?? "",
        clause: refusal?.clause ?? 0,
        factsJson: "",
        blockNumber: 1n,
        version: refusal ? 0 : version,
      };
    },
    getDataset: async ({ datasetId }) => {
      const dataset = found(facts.datasets.get(datasetId));
      return {
        dataset: {
          datasetId,
          owner: Buffer.alloc(20, 1),
          sbtId: "1",
          contextDigest: Buffer.alloc(32),
          regionCode: bytes(dataset.regionCode),
          status: "active",
          suspended: false,
          barrierVersion: 0,
          grantEpoch: 0n,
          dataUseCodes: [],
          versions: dataset.versions.map((each) => ({
            ...each,
            manifestCommitment: bytes(each.manifestCommitment),
            reason: "initial",
            blockTime: 0n,
          })),
        },
      } as never;
    },
    getPermit: async ({ permitId }) =>
      ({
        permit: {
          terms: undefined,
          state: found(facts.permits.get(hex(permitId))),
          resultCommitment: empty,
          resultUri: "",
          refundReason: "",
          challengeEnds: 0n,
          releaseBy: 0n,
          final: false,
          issuedTransaction: Buffer.alloc(32),
          releasedDatasets: [],
          refunded: "0",
          ruleBy: 0n,
        },
      }) as never,
    getAlgorithm: async ({ algorithmId }) =>
      ({
        algorithm: {
          algorithmId,
          author: Buffer.alloc(20),
          fee: "0",
          feeToken: Buffer.alloc(20),
          ...found(facts.algorithms.get(hex(algorithmId))),
        },
      }) as never,
    getRegion: async ({ subject }) => ({
      regionCode: bytes(found(facts.regions.get(hex(subject)))),
      expiry: 1n << 40n,
    }),
    getMirrorStatus: async () => ({
      headNumber: facts.finalized,
      confirmedNumber: facts.finalized,
      finalizedNumber: facts.finalized,
      state: "following",
      haltReason: "",
      mirroredBlockTime: 0n,
    }),
    listDatasets: unused,
    listRequests: unused,
    getGrant: unused,
    listGrants: unused,
    listAlgorithms: unused,
    listAuditEvents: unused,
  };
  const token = requireServiceToken(serviceToken);
  const guard: typeof token = (call) => {
    token(call);
    if (facts.down) throw new RpcFault("UNAVAILABLE", "MIRROR_BEHIND");
  };
  const hosted = await hostService({
    host: "127.0.0.1",
    grpc: {
      port: 0,
      services: [grpcService(AccessServiceService, handlers, { guard })],
      descriptorSet: descriptorSet(),
    },
  });
  return { address: hosted.grpcAddress, close: () => hosted.close() };
}
