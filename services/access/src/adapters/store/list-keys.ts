import type { Kind, ReadModels, State } from "../../domain/read-models.ts";

/** What lists filter by: the owner, grantee or author, and the datasets concerned. */
export type ListKeys = { readonly account: string; readonly datasetIds: readonly string[] };

const keysOf: { readonly [K in Kind]: (state: ReadModels[K]) => ListKeys } = {
  identity: ({ holder }) => ({ account: holder ?? "", datasetIds: [] }),
  dataset: ({ owner, datasetId }) => ({ account: owner, datasetIds: [datasetId] }),
  grant: ({ grantee, datasetId }) => ({ account: grantee, datasetIds: [datasetId] }),
  permit: ({ grantee, datasetIds }) => ({ account: grantee, datasetIds }),
  algorithm: ({ author }) => ({ account: author, datasetIds: [] }),
  region: ({ subject }) => ({ account: subject, datasetIds: [] }),
};

export const listKeysOf = (kind: Kind, state: State): ListKeys => keysOf[kind](state as never);
