import type { Repositories } from "../../app/repositories.ts";
import { sqlChainFacts } from "./sql-chain-facts.ts";
import { sqlDeletions } from "./sql-deletions.ts";
import { sqlNonces } from "./sql-nonces.ts";
import { sqlOidcBindings } from "./sql-oidc-bindings.ts";
import { sqlTickets } from "./sql-tickets.ts";
import { sqlTransfers } from "./sql-transfers.ts";
import { sqlUploads } from "./sql-uploads.ts";

export const sqlRepositories: Repositories = {
  nonces: sqlNonces,
  oidcBindings: sqlOidcBindings,
  facts: sqlChainFacts,
  tickets: sqlTickets,
  transfers: sqlTransfers,
  uploads: sqlUploads,
  deletions: sqlDeletions,
};
