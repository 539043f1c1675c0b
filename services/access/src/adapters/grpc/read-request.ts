import type { CheckAccessRequest } from "@cos/proto/access";
import {
  type Address,
  asAddress,
  asAlgorithmId,
  asDigest,
  type DatasetId,
  type Digest,
  type GrantId,
  parseNumberId,
} from "@cos/protocol";
import { RpcFault } from "@cos/service-host";
import type { CheckAccessCommand } from "../../app/check-access.ts";
import type { ListPlace } from "../../app/read-model-queries.ts";
import { toHex } from "../../domain/chain-log.ts";

/** Fields of requests as the domain's values. Every one throws INVALID_ARGUMENT naming the field. */
const bad = (field: string): RpcFault => new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field });

export function digestField(bytes: Uint8Array, field: string): Digest {
  if (bytes.length !== 32) throw bad(field);
  return asDigest(toHex(bytes));
}

export function addressField(bytes: Uint8Array, field: string): Address {
  if (bytes.length !== 20) throw bad(field);
  return asAddress(toHex(bytes));
}

/** An address that may be left out; empty text then. */
export const optionalAddress = (bytes: Uint8Array, field: string): string =>
  bytes.length === 0 ? "" : addressField(bytes, field);

export function numberField<T extends DatasetId | GrantId>(text: string, field: string): T {
  const parsed = parseNumberId<T>(text, field);
  if (!parsed.ok) throw bad(field);
  return parsed.value;
}

export const optionalNumber = (text: string, field: string): string =>
  text === "" ? "" : numberField<DatasetId>(text, field);

const maxPage = 200;

/** 0 means 50; more than 200 is cut. */
export const pageLimit = (pageSize: number): number => Math.min(pageSize || 50, maxPage);

export function placeField(token: string): ListPlace | undefined {
  if (token === "") return undefined;
  const parts = /^(\d{1,15})-(\d{1,9})$/.exec(token);
  if (!parts) throw bad("page_token");
  return [Number(parts[1]), Number(parts[2])];
}

export const toPageToken = ([block, index]: ListPlace): string => `${block}-${index}`;

export function toCheckAccess(request: CheckAccessRequest): CheckAccessCommand {
  return {
    grantId: numberField<GrantId>(request.grantId, "grant_id"),
    datasetId: numberField<DatasetId>(request.datasetId, "dataset_id"),
    grantee: addressField(request.grantee, "grantee"),
    op: request.opMask,
    purposeHash: digestField(request.purposeHash, "purpose_hash"),
    regionCode: digestField(request.regionCode, "region_code"),
    tickets: request.tickets,
    epsilonMicro: request.epsilonMicro,
    deltaNano: request.deltaNano,
    exactReleases: request.exactReleases,
    version: request.version,
    ...(request.algorithmId.length === 0
      ? {}
      : { algorithmId: asAlgorithmId(digestField(request.algorithmId, "algorithm_id")) }),
    ...(request.permitId.length === 0 ? {} : { permitId: digestField(request.permitId, "permit_id") }),
  };
}
