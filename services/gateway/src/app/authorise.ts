import { type Address, anyRegion, err, ok, type Result } from "@cos/protocol";
import type { Queryable } from "@cos/store";
import {
  datasetSubject,
  foldDataset,
  foldSession,
  identityHolder,
  identitySubject,
  sessionSubject,
} from "../domain/chain-facts.ts";
import {
  checkTicketOp,
  type Depth,
  decideDatasetTicket,
  decideOwnDataset,
  type SessionFacts,
} from "../domain/decide-issue.ts";
import { decideResultView, type ResultView } from "../domain/decide-result.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { TicketSubject } from "../domain/ticket.ts";
import type { Dependencies } from "./dependencies.ts";
import type { DatasetView } from "./ports.ts";

type Subject<K extends TicketSubject["kind"]> = Extract<TicketSubject, { kind: K }>;
type VersionView = DatasetView["versions"][number];

type Deps = Pick<Dependencies, "db" | "repositories" | "access" | "settings" | "now">;

/** Whether a caller may have what a ticket is for: asked when it is issued and again when it is redeemed. */
export class Authority {
  readonly #deps: Deps;
  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The caller's live identity token, if it has one. */
  async identityOf(caller: Address): Promise<string | undefined> {
    const { db, repositories } = this.#deps;
    for (const sbtId of await repositories.facts.identitiesOf(db, caller)) {
      const logs = await repositories.facts.of(db, identitySubject(sbtId));
      if (identityHolder(logs) === caller) return sbtId;
    }
    return undefined;
  }

  /** @errors `IDENTITY_MISSING` */
  async upload(caller: Address): Promise<Result<{ sbtId: string }, Refusal>> {
    const sbtId = await this.identityOf(caller);
    return sbtId === undefined ? err(refusal("IDENTITY_MISSING")) : ok({ sbtId });
  }

  /**
   * A grantee's READ or EXPORT, by the ten clauses in this gateway's attested region.
   * @param wish version 0: whichever the grant admits now
   * @errors the clause that refuses, and those of `decideDatasetTicket` and `decideFinality`
   */
  async dataset(
    caller: Address,
    wish: Subject<"DATASET">,
    when: "issue" | "redeem",
  ): Promise<Result<VersionView, Refusal>> {
    const op = checkTicketOp(wish.op);
    if (!op.ok) return op;
    const { access, settings } = this.#deps;
    const answer = await access.checkAccess({
      grantId: wish.grantId,
      datasetId: wish.datasetId,
      grantee: caller,
      op: wish.op,
      purposeHash: wish.purposeHash,
      regionCode: await this.#regionCode(),
      version: wish.version,
    });
    if (!answer.ok) return answer;
    const { version } = answer.value;
    const session = await this.#session(wish);
    const versionDepth = await this.#depthOf(wish.datasetId, version);
    // The ticket counts itself already when it is redeemed.
    const others = session && when === "redeem" ? { ...session, issued: session.issued - 1 } : session;
    const gateway = settings.gatewayAddress;
    const decision = decideDatasetTicket({ ...wish, session: others, versionDepth, caller, gateway });
    if (!decision.ok) return decision;
    const dataset = await access.getDataset(wish.datasetId);
    return versionOf(dataset, version);
  }

  /** @errors `NOT_FOUND`, `NOT_OWNER`, `DATASET_UNAVAILABLE` */
  async ownDataset(caller: Address, wish: Subject<"OWN_DATASET">): Promise<Result<VersionView, Refusal>> {
    const dataset = await this.#deps.access.getDataset(wish.datasetId);
    if (dataset === undefined) return err(refusal("NOT_FOUND", { datasetId: wish.datasetId }));
    const decision = decideOwnDataset(caller, dataset, wish.version);
    return decision.ok ? versionOf(dataset, decision.value.version) : decision;
  }

  /** @errors `NOT_FOUND`, `NOT_A_PARTY`, `RESULT_NOT_AVAILABLE` */
  async result(caller: Address, { permitId }: Subject<"RESULT">): Promise<Result<ResultView, Refusal>> {
    const { access } = this.#deps;
    const permit = await access.getPermit(permitId);
    if (permit === undefined) return err(refusal("NOT_FOUND", { permitId }));
    const datasets = await Promise.all(
      permit.datasets.map(async ({ datasetId, grantId }) => {
        const [dataset, grant] = await Promise.all([access.getDataset(datasetId), access.getGrant(grantId)]);
        return {
          owner: dataset?.suspended === false ? dataset.owner : undefined,
          resultMayReachGrantee: grant?.resultMayReachGrantee === true,
        };
      }),
    );
    return decideResultView(caller, { ...permit, datasets });
  }

  /** A session with the number of tickets already issued for it. @param tx for a look inside a transaction */
  async sessionIn(
    tx: Queryable,
    sessionId: Subject<"DATASET">["sessionId"],
  ): Promise<SessionFacts | undefined> {
    const { facts, tickets } = this.#deps.repositories;
    const reserved = foldSession(await facts.of(tx, sessionSubject(sessionId)));
    return reserved && { ...reserved, issued: await tickets.issuedOf(tx, sessionId) };
  }

  #session(wish: Subject<"DATASET">): Promise<SessionFacts | undefined> {
    return this.sessionIn(this.#deps.db, wish.sessionId);
  }

  /** This gateway's region while it is attested; without one it says so by zeros, which only a grant for any region admits. */
  async #regionCode() {
    const { access, settings, now } = this.#deps;
    const region = await access.getRegion(settings.gatewayAddress);
    return region !== undefined && now() < region.expiry ? region.regionCode : anyRegion;
  }

  async #depthOf(datasetId: string, version: number): Promise<Depth | undefined> {
    const { db, repositories } = this.#deps;
    const logs = await repositories.facts.of(db, datasetSubject(datasetId));
    return foldDataset(datasetId, logs).versions.find((v) => v.version === version)?.depth;
  }
}

function versionOf(dataset: DatasetView | undefined, version: number): Result<VersionView, Refusal> {
  const found = dataset?.versions.find((v) => v.version === version);
  return found === undefined ? err(refusal("NOT_FOUND", { field: "version", asked: version })) : ok(found);
}
