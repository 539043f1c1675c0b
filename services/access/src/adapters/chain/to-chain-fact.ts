import type { ContractName, DecodedLog } from "@cos/chain";
import { ChainEvent } from "@cos/proto/chain";
import type { ChainFact } from "../../domain/chain-log.ts";

/** Arguments of a decoded log by name. */
type Args = Readonly<Record<string, unknown>>;
type Wire = { readonly [C in ChainFact as C["$case"]]: C["value"] };
type PartialWire = { [C in keyof Wire]: { readonly $case: C; readonly value: Partial<Wire[C]> } }[keyof Wire];

/**
 * What a decoded log says, in the words of `cos.chain.v1`. Logs without a business fact (role changes, ERC-20 and
 * ERC-721 transfers, guardians) become `otherLog`, so that the mirror loses none.
 */
export function toChainFact({ contract, event }: DecodedLog): ChainFact {
  const name = event?.name ?? "";
  const translate = translations[`${contract}.${name}` as keyof typeof translations] as
    | ((args: Args) => PartialWire)
    | undefined;
  const fact: PartialWire =
    event && translate ? translate(event.args.toObject()) : { $case: "otherLog", value: { name } };
  return ChainEvent.fromPartial({ event: fact } as object).event as ChainFact;
}

const translations: { readonly [K in `${ContractName}.${string}`]?: (args: never) => PartialWire } = {
  "IdentitySBT.IdentityMinted": (a: Args) => ({
    $case: "identityMinted",
    value: { sbtId: text(a.sbtId), holder: bytes(a.holder), didCommitment: bytes(a.didCommitment) },
  }),
  "IdentitySBT.IdentityBurned": (a: Args) => ({
    $case: "identityBurned",
    value: { sbtId: text(a.sbtId), holder: bytes(a.holder) },
  }),
  "IdentitySBT.IdentityRecovered": (a: Args) => ({
    $case: "identityRecovered",
    value: { sbtId: text(a.sbtId), holder: bytes(a.to), from: bytes(a.from) },
  }),

  "DatasetRegistry.DatasetRegistered": (a: Args) => ({
    $case: "datasetRegistered",
    value: {
      datasetId: text(a.datasetId),
      owner: bytes(a.owner),
      sbtId: text(a.ownerSbt),
      manifestCommitment: bytes(a.manifestCommitment),
      contextDigest: bytes(a.contextDigest),
      manifestUri: text(a.uri),
      regionCode: bytes(a.regionCode),
      dataUseCodes: list(a.dataUseCodes).map(bytes),
    },
  }),
  "DatasetRegistry.DatasetVersionPublished": (a: Args) => ({
    $case: "datasetVersioned",
    value: {
      datasetId: text(a.datasetId),
      version: int(a.version),
      parent: int(a.parent),
      reason: nameIn(versionReasons, a.reason),
      effectiveAt: big(a.effectiveAt),
      manifestCommitment: bytes(a.manifestCommitment),
      manifestUri: text(a.uri),
    },
  }),
  "DatasetRegistry.DatasetStatusChanged": (a: Args) => ({
    $case: "datasetStatusChanged",
    value: { datasetId: text(a.datasetId), status: nameIn(datasetStatuses, a.status) },
  }),
  "DatasetRegistry.DatasetTransferPending": (a: Args) => ({
    $case: "datasetTransferred",
    value: { datasetId: text(a.datasetId), from: bytes(a.from), owner: bytes(a.to) },
  }),
  "DatasetRegistry.DatasetOwnershipConfirmed": (a: Args) => ({
    $case: "datasetOwnershipConfirmed",
    value: { datasetId: text(a.datasetId), owner: bytes(a.owner), sbtId: text(a.ownerSbt) },
  }),

  "AccessACL.Requested": (a: Args) => ({
    $case: "accessRequested",
    value: {
      requestId: text(a.grantId),
      datasetId: text(a.datasetId),
      grantee: bytes(a.grantee),
      sbtId: text(a.sbtId),
      opMask: int(a.opMask),
      purposeHash: bytes(a.purposeHash),
      termsHash: bytes(a.termsHash),
      uri: text(a.uri),
    },
  }),
  "AccessACL.Declined": (a: Args) => ({
    $case: "accessDeclined",
    value: { requestId: text(a.grantId), datasetId: text(a.datasetId), by: bytes(a.by) },
  }),
  "AccessACL.Granted": (a: Args) => ({ $case: "accessGranted", value: toGranted(a) }),
  "AccessACL.Revoked": (a: Args) => ({
    $case: "accessRevoked",
    value: { grantId: text(a.grantId), datasetId: text(a.datasetId), by: bytes(a.by) },
  }),
  "AccessACL.AllRevoked": (a: Args) => ({
    $case: "allAccessRevoked",
    value: { datasetId: text(a.datasetId), epoch: big(a.epoch), by: bytes(a.by) },
  }),
  "AccessACL.RunReserved": (a: Args) => {
    const charge = fields(a.charge);
    return {
      $case: "runReserved",
      value: {
        grantId: text(a.grantId),
        permitId: bytes(a.permitId),
        holder: bytes(a.holder),
        epsilonMicro: big(charge.epsilonMicro),
        deltaNano: big(charge.deltaNano),
        exactReleases: int(charge.exactReleases),
      },
    };
  },
  "AccessACL.RunUsed": (a: Args) => ({
    $case: "runUsed",
    value: { grantId: text(a.grantId), permitId: bytes(a.permitId) },
  }),
  "AccessACL.RunReturned": (a: Args) => ({
    $case: "runReturned",
    value: { grantId: text(a.grantId), permitId: bytes(a.permitId) },
  }),
  "AccessACL.TicketsReserved": (a: Args) => ({
    $case: "ticketsReserved",
    value: {
      sessionId: bytes(a.sessionId),
      grantId: text(a.grantId),
      grantee: bytes(a.grantee),
      opMask: int(a.op),
      count: big(a.count),
      gateway: bytes(a.gateway),
    },
  }),

  "AlgorithmRegistry.AlgorithmRegistered": (a: Args) => ({
    $case: "algorithmRegistered",
    value: {
      algorithmId: bytes(a.algorithmId),
      author: bytes(a.author),
      feeToken: bytes(a.feeToken),
      fee: text(a.fee),
      uri: text(a.uri),
    },
  }),
  "AlgorithmRegistry.AlgorithmStateChanged": (a: Args) => ({
    $case: "algorithmStateChanged",
    value: { algorithmId: bytes(a.algorithmId), state: nameIn(algorithmStates, a.state) },
  }),
  "AlgorithmRegistry.AlgorithmFeeChanged": (a: Args) => ({
    $case: "algorithmFeeChanged",
    value: { algorithmId: bytes(a.algorithmId), feeToken: bytes(a.feeToken), fee: text(a.fee) },
  }),

  "JobPermits.JobProposed": (a: Args) => {
    const terms = fields(a.terms);
    return {
      $case: "jobProposed",
      value: {
        termsHash: bytes(a.termsHash),
        grantee: bytes(a.grantee),
        algorithmId: bytes(terms.algorithmId),
        datasetIds: list(terms.datasetIds).map(text),
      },
    };
  },
  "JobPermits.JobProposalEnded": (a: Args) => ({
    $case: "jobProposalEnded",
    value: { termsHash: bytes(a.termsHash), grantee: bytes(a.grantee) },
  }),
  "JobPermits.JobPermitIssued": (a: Args) => ({ $case: "jobPermitIssued", value: toIssued(a) }),
  "JobPermits.JobAuthorised": (a: Args) => ({
    $case: "jobAuthorised",
    value: {
      permitId: bytes(a.permitId),
      datasetId: text(a.datasetId),
      owner: bytes(a.owner),
      grantId: text(a.grantId),
      way: nameIn(authorisationWays, a.way),
    },
  }),
  "JobPermits.AuthorisationCancelled": (a: Args) => ({
    $case: "authorisationCancelled",
    value: { owner: bytes(a.owner), permitId: bytes(a.permitId) },
  }),
  "JobPermits.JobResult": (a: Args) => ({
    $case: "jobResultPosted",
    value: {
      permitId: bytes(a.permitId),
      resultCommitment: bytes(a.commitment),
      resultUri: text(a.uri),
      challengeEnds: big(a.challengeEnds),
      poster: bytes(a.poster),
    },
  }),
  "JobPermits.ReplicaAttested": (a: Args) => ({
    $case: "replicaAttested",
    value: {
      permitId: bytes(a.permitId),
      attester: bytes(a.attester),
      attestations: int(a.attestations),
    },
  }),
  "JobPermits.JobChallenged": (a: Args) => ({
    $case: "jobChallenged",
    value: {
      permitId: bytes(a.permitId),
      challenger: bytes(a.challenger),
      bond: text(a.bond),
      evidenceHash: bytes(a.evidenceHash),
      ruleBy: big(a.ruleBy),
    },
  }),
  "JobPermits.JobRuled": (a: Args) => ({
    $case: "jobRuled",
    value: {
      permitId: bytes(a.permitId),
      arbiter: bytes(a.arbiter),
      resultStands: Boolean(a.resultStands),
      bondTo: bytes(a.bondTo),
    },
  }),
  "JobPermits.JobAccepted": (a: Args) => ({
    $case: "jobAccepted",
    value: {
      permitId: bytes(a.permitId),
      releaseBy: big(a.releaseBy),
      computeShare: text(a.compute),
      authorShare: text(a.author),
    },
  }),
  "JobPermits.JobReleased": (a: Args) => ({
    $case: "jobReleased",
    value: {
      permitId: bytes(a.permitId),
      datasetId: text(a.datasetId),
      releaseCommitment: bytes(a.releaseCommitment),
      complete: Boolean(a.complete),
      owner: bytes(a.owner),
      releaseClass: nameIn(releaseClasses, a.class),
      dataShare: text(a.dataShare),
    },
  }),
  "JobPermits.JobLapsed": (a: Args) => ({
    $case: "jobLapsed",
    value: { permitId: bytes(a.permitId), refunded: text(a.toGrantee) },
  }),
  "JobPermits.JobRefunded": (a: Args) => ({
    $case: "jobRefunded",
    value: {
      permitId: bytes(a.permitId),
      grantee: bytes(a.grantee),
      reason: nameIn(refundReasons, a.reason),
      refunded: text(a.toGrantee),
      workFee: text(a.workFee),
      detail: bytes(a.detail),
    },
  }),

  "UsageLog.Used": (a: Args) => ({
    $case: "useLogged",
    value: {
      useId: bytes(a.useId),
      grantId: text(a.grantId),
      datasetId: text(a.datasetId),
      grantee: bytes(a.grantee),
      opMask: int(a.op),
      purposeHash: bytes(a.purposeHash),
      usedAt: big(a.usedAt),
    },
  }),
  "UsageLog.UsesBatched": (a: Args) => ({
    $case: "useBatchLogged",
    value: {
      batchId: text(a.batchId),
      root: bytes(a.root),
      recorder: bytes(a.recorder),
      count: big(a.count),
      from: big(a.from),
      to: big(a.to),
      uri: text(a.uri),
    },
  }),

  "RegionOracle.RegionAttested": (a: Args) => ({
    $case: "regionAttested",
    value: { subject: bytes(a.subject), regionCode: bytes(a.regionCode), expiry: big(a.expiry) },
  }),
  "RegionOracle.RegionRevoked": (a: Args) => ({
    $case: "regionRevoked",
    value: { subject: bytes(a.subject) },
  }),

  "Settlement.FeeLocked": (a: Args) => ({
    $case: "feeLocked",
    value: {
      locker: bytes(a.locker),
      key: bytes(a.key),
      payer: bytes(a.payer),
      token: bytes(a.token),
      amount: text(a.amount),
    },
  }),
  "Settlement.Credited": (a: Args) => ({
    $case: "credited",
    value: {
      locker: bytes(a.locker),
      key: bytes(a.key),
      account: bytes(a.account),
      token: bytes(a.token),
      amount: text(a.amount),
    },
  }),
  "Settlement.Withdrawn": (a: Args) => ({
    $case: "withdrawn",
    value: {
      account: bytes(a.account),
      token: bytes(a.token),
      to: bytes(a.to),
      amount: text(a.amount),
    },
  }),
};

function toGranted(a: Args): Wire["accessGranted"] {
  const clauses = fields(a.clauses);
  const terms = fields(a.outputTerms);
  return {
    grantId: text(a.grantId),
    requestId: text(a.grantId),
    datasetId: text(a.datasetId),
    grantee: bytes(a.grantee),
    owner: bytes(a.owner),
    epoch: big(a.epoch),
    sbtId: text(clauses.sbtId),
    opMask: int(clauses.opMask),
    allowedAlgorithms: list(clauses.allowedAlgorithms).map(bytes),
    purposeHash: bytes(clauses.purposeHash),
    notBefore: big(clauses.notBefore),
    expiry: big(clauses.expiry),
    maxRuns: big(clauses.maxRuns),
    maxTickets: big(clauses.maxTickets),
    rateMax: int(clauses.rateMax),
    rateWindowSeconds: int(clauses.rateWindow),
    regionCode: bytes(clauses.regionCode),
    epsilonMicro: big(clauses.epsilonMicro),
    deltaNano: big(clauses.deltaNano),
    exactReleases: int(clauses.exactReleases),
    outputPolicy: int(clauses.outputPolicy),
    termsHash: bytes(clauses.termsHash),
    versionPolicy: int(clauses.versionPolicy),
    pinnedVersion: int(clauses.pinnedVersion),
    graceSeconds: int(clauses.graceSeconds),
    auditEachUse: Boolean(clauses.auditEachUse),
    feeToken: bytes(clauses.feeToken),
    feePerUse: text(clauses.feePerUse),
    workFee: text(clauses.workFee),
    computeBps: int(clauses.computeBps),
    authorBps: int(clauses.authorBps),
    autoAuthorise: Boolean(clauses.autoAuthorise),
    allowReencrypt: Boolean(terms.allowReencrypt),
    allowMultiKey: Boolean(terms.allowMultiKey),
    documentHash: bytes(terms.documentHash),
  };
}

function toIssued(a: Args): Wire["jobPermitIssued"] {
  const terms = fields(a.terms);
  const fees = fields(a.fees);
  const [grantIds, versions, roots, shares] = [
    terms.grantIds,
    terms.datasetVersions,
    terms.datasetRoots,
    fees.data,
  ].map(list) as [unknown[], unknown[], unknown[], unknown[]];
  return {
    permitId: bytes(a.permitId),
    grantee: bytes(a.grantee),
    issuer: bytes(a.issuer),
    nonce: text(a.nonce),
    termsHash: bytes(a.termsHash),
    issuedAt: big(a.issuedAt),
    datasets: list(terms.datasetIds).map((datasetId, index) => ({
      grantId: text(grantIds[index]),
      datasetId: text(datasetId),
      version: int(versions[index]),
      manifestCommitment: bytes(roots[index]),
      dataShare: text(shares[index]),
    })),
    algorithmId: bytes(terms.algorithmId),
    purposeHash: bytes(terms.purposeHash),
    paramsHash: bytes(terms.paramsHash),
    operator: bytes(terms.operator),
    regionCode: bytes(terms.regionCode),
    expiry: big(terms.expiry),
    challengeWindowSeconds: big(terms.challengeWindow),
    releaseWindowSeconds: big(terms.releaseWindow),
    replicas: int(terms.replicas),
    maxFee: text(terms.maxFee),
    epsilonMicro: big(terms.epsilonMicro),
    deltaNano: big(terms.deltaNano),
    exactReleases: int(terms.exactReleases),
    token: bytes(fees.token),
    fee: text(fees.total),
    computeShare: text(fees.compute),
    authorShare: text(fees.author),
    workFee: text(fees.work),
    graceEnds: big(fees.graceEnds),
  };
}

// Names of the contracts' enums, by value (contracts/src/types, contracts/src/interfaces).
const versionReasons = ["", "initial", "append", "correct", "withdraw", "consent"];
const datasetStatuses = ["", "active", "paused", "withdrawn"];
const algorithmStates = ["removed", "proposed", "approved", "deprecated", "revoked"];
const authorisationWays = ["", "owner-transaction", "owner-signature", "grant-pre-authorised"];
const refundReasons = ["", "cancelled", "revoked", "expired", "failed", "ruled", "timeout"];
const releaseClasses = ["", "controlled", "open-deposit", "sensitive"];

function nameIn(names: readonly string[], value: unknown): string {
  const name = names[Number(value)];
  if (!name) throw new RangeError(`a log carries the unknown enum value ${Number(value)}`);
  return name;
}

const text = (value: unknown): string => String(value);
const big = (value: unknown): bigint => BigInt(value as bigint);
const int = (value: unknown): number => Number(value);
const bytes = (value: unknown): Buffer => Buffer.from(String(value).slice(2), "hex");
const list = (value: unknown): unknown[] => Array.from(value as Iterable<unknown>);
const fields = (value: unknown): Args => (value as { toObject(): Args }).toObject();
