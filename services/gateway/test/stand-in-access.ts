import { descriptorSet } from "@cos/proto";
import {
  AccessServiceService,
  type CheckAccessRequest,
  Dataset,
  type DatasetVersion,
  GetDatasetResponse,
  GetGrantResponse,
  GetPermitResponse,
  type Permit,
} from "@cos/proto/access";
import { type GrpcHandlers, grpcService, type HostedService, hostService, RpcFault } from "@cos/service-host";

/** Fields that a test cares about; the rest are empty. */
type Seed<T, Nested extends keyof T> = Partial<Omit<T, Nested>>;

type Answer = { allowed: true; version: number } | { allowed: false; code: string; clause: number };

/** What the access service would know; a test writes it, and the gateway asks for it over real gRPC. */
export class StandInAccess {
  check: (request: CheckAccessRequest) => Answer | Promise<Answer> = () => ({
    allowed: false,
    code: "NO_GRANT",
    clause: 0,
  });
  readonly datasets = new Map<string, Dataset>();
  readonly grants = new Map<string, { outputPolicy: number; revoked: boolean }>();
  readonly permits = new Map<string, Seed<Permit, "terms"> & { terms: object }>();
  readonly regions = new Map<string, { regionCode: Buffer; expiry: bigint }>();
  down = false;
  hosted: HostedService | undefined;

  async start(): Promise<string> {
    const handlers = {
      checkAccess: async (request) => {
        this.#orFail();
        const answer = await this.check(request);
        const facts = { factsJson: '{"grantId":"5"}', blockNumber: 9n };
        return answer.allowed
          ? { ...facts, allowed: true, code: "", clause: 0, version: answer.version }
          : { ...facts, ...answer, version: 0 };
      },
      getDataset: async ({ datasetId }) => {
        this.#orFail();
        const dataset = this.datasets.get(datasetId);
        if (dataset === undefined) throw new RpcFault("NOT_FOUND", "NOT_FOUND");
        return GetDatasetResponse.fromPartial({ dataset });
      },
      getGrant: async ({ grantId }) => {
        const grant = this.grants.get(grantId);
        if (grant === undefined) throw new RpcFault("NOT_FOUND", "NOT_FOUND");
        const { outputPolicy, revoked } = grant;
        return GetGrantResponse.fromPartial({ grant: { terms: { grantId, outputPolicy }, revoked } });
      },
      getPermit: async ({ permitId }) => {
        const permit = this.permits.get(Buffer.from(permitId).toString("hex"));
        if (permit === undefined) throw new RpcFault("NOT_FOUND", "NOT_FOUND");
        return GetPermitResponse.fromPartial({ permit } as never);
      },
      getRegion: async ({ subject }) => {
        const region = this.regions.get(Buffer.from(subject).toString("hex"));
        if (region === undefined) throw new RpcFault("NOT_FOUND", "NOT_FOUND");
        return region;
      },
    } satisfies Partial<GrpcHandlers<typeof AccessServiceService>>;
    const unasked = new Proxy(handlers, {
      get: (target, rpc) =>
        target[rpc as keyof typeof target] ??
        (async () => {
          throw new RpcFault("UNIMPLEMENTED", "UNIMPLEMENTED");
        }),
    }) as unknown as GrpcHandlers<typeof AccessServiceService>;
    this.hosted = await hostService({
      host: "127.0.0.1",
      grpc: {
        port: 0,
        services: [grpcService(AccessServiceService, unasked)],
        descriptorSet: descriptorSet(),
      },
    });
    return this.hosted.grpcAddress;
  }

  setDataset(dataset: Seed<Dataset, "versions"> & { versions?: Partial<DatasetVersion>[] }): void {
    const { datasetId = "" } = dataset;
    this.datasets.set(datasetId, Dataset.fromPartial({ status: "active", ...dataset } as never));
  }

  #orFail(): void {
    if (this.down) throw new RpcFault("UNAVAILABLE", "MIRROR_BEHIND");
  }
}
