import type { AccessServiceService } from "@cos/proto/access";
import { type Address, asDigest, Op } from "@cos/protocol";
import { type GrpcClient, RpcFault } from "@cos/service-host";
import type { Authority, Clock } from "../../app/ports.ts";
import { regionName } from "../../domain/region-name.ts";
import { bytesOf, hexOf } from "./wire.ts";

/** How long a worker's attested region is believed without asking again. */
const regionCacheSeconds = 15;

/** The mirrored chain as `access` serves it. NOT_FOUND is an answer; every other failure throws, and is tried again. */
export function accessAuthority(access: GrpcClient<typeof AccessServiceService>, now: Clock): Authority {
  const regions = new Map<Address, { region: string | undefined; until: number }>();
  return {
    permitState: async (permitId) => {
      const found = await orUndefined(access.getPermit({ permitId: bytesOf(permitId) }));
      return found?.permit?.state;
    },
    dataset: async (datasetId) => {
      const found = await orUndefined(access.getDataset({ datasetId }));
      if (!found?.dataset) return undefined;
      const { regionCode, versions } = found.dataset;
      return {
        regionCode: asDigest(hexOf(regionCode)),
        versions: versions.map(({ version, manifestCommitment, manifestUri }) => ({
          version,
          manifestCommitment: asDigest(hexOf(manifestCommitment)),
          manifestUri,
        })),
      };
    },
    algorithm: async (algorithmId) => {
      const found = await orUndefined(access.getAlgorithm({ algorithmId: bytesOf(algorithmId) }));
      return found?.algorithm && { state: found.algorithm.state, uri: found.algorithm.uri };
    },
    mayCompute: async (terms, { grantId, datasetId, version }) => {
      const { allowed, code, clause } = await access.checkAccess({
        grantId,
        datasetId,
        version,
        grantee: bytesOf(terms.grantee),
        opMask: Op.COMPUTE,
        purposeHash: bytesOf(terms.purposeHash),
        regionCode: bytesOf(terms.regionCode),
        tickets: 0,
        epsilonMicro: BigInt(terms.epsilonMicro),
        deltaNano: BigInt(terms.deltaNano),
        exactReleases: terms.exactReleases,
        algorithmId: bytesOf(terms.algorithmId),
        permitId: bytesOf(terms.permitId),
      });
      return allowed ? { allowed } : { allowed: false, code, clause };
    },
    regionOf: async (worker) => {
      const at = now();
      const known = regions.get(worker);
      if (known && at < known.until) return known.region;
      const found = await orUndefined(access.getRegion({ subject: bytesOf(worker) }));
      const attested = found !== undefined && BigInt(at) < found.expiry;
      const region = attested ? regionName(hexOf(found.regionCode)) : undefined;
      const until = attested ? Math.min(at + regionCacheSeconds, Number(found.expiry)) : at;
      regions.set(worker, { region, until });
      return region;
    },
    finalizedBlock: async () => Number((await access.getMirrorStatus({})).finalizedNumber),
  };
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RpcFault && error.status === "NOT_FOUND") return undefined;
    throw error;
  }
}
