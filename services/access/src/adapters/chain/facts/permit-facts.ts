import {
  type Args,
  big,
  bytes,
  fields,
  int,
  list,
  nameIn,
  type Translations,
  text,
  type Wire,
} from "./read-args.ts";

// Names of the contracts' enums, by value (contracts/src/types, contracts/src/interfaces).
const authorisationWays = ["", "owner-transaction", "owner-signature", "grant-pre-authorised"];
const refundReasons = ["", "cancelled", "revoked", "expired", "failed", "ruled", "timeout"];
const releaseClasses = ["", "controlled", "open-deposit", "sensitive"];

/** What the logs of permits say. */
export const permitFacts: Translations = {
  "JobPermits.JobProposed": (a) => {
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
  "JobPermits.JobProposalEnded": (a) => ({
    $case: "jobProposalEnded",
    value: { termsHash: bytes(a.termsHash), grantee: bytes(a.grantee) },
  }),
  "JobPermits.JobPermitIssued": (a) => ({ $case: "jobPermitIssued", value: toIssued(a) }),
  "JobPermits.JobAuthorised": (a) => ({
    $case: "jobAuthorised",
    value: {
      permitId: bytes(a.permitId),
      datasetId: text(a.datasetId),
      owner: bytes(a.owner),
      grantId: text(a.grantId),
      way: nameIn(authorisationWays, a.way),
    },
  }),
  "JobPermits.AuthorisationCancelled": (a) => ({
    $case: "authorisationCancelled",
    value: { owner: bytes(a.owner), permitId: bytes(a.permitId) },
  }),
  "JobPermits.JobResult": (a) => ({
    $case: "jobResultPosted",
    value: {
      permitId: bytes(a.permitId),
      resultCommitment: bytes(a.commitment),
      resultUri: text(a.uri),
      challengeEnds: big(a.challengeEnds),
      poster: bytes(a.poster),
    },
  }),
  "JobPermits.ReplicaAttested": (a) => ({
    $case: "replicaAttested",
    value: {
      permitId: bytes(a.permitId),
      attester: bytes(a.attester),
      attestations: int(a.attestations),
    },
  }),
  "JobPermits.JobChallenged": (a) => ({
    $case: "jobChallenged",
    value: {
      permitId: bytes(a.permitId),
      challenger: bytes(a.challenger),
      bond: text(a.bond),
      evidenceHash: bytes(a.evidenceHash),
      ruleBy: big(a.ruleBy),
    },
  }),
  "JobPermits.JobRuled": (a) => ({
    $case: "jobRuled",
    value: {
      permitId: bytes(a.permitId),
      arbiter: bytes(a.arbiter),
      resultStands: Boolean(a.resultStands),
      bondTo: bytes(a.bondTo),
    },
  }),
  "JobPermits.JobAccepted": (a) => ({
    $case: "jobAccepted",
    value: {
      permitId: bytes(a.permitId),
      releaseBy: big(a.releaseBy),
      computeShare: text(a.compute),
      authorShare: text(a.author),
    },
  }),
  "JobPermits.JobReleased": (a) => ({
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
  "JobPermits.JobLapsed": (a) => ({
    $case: "jobLapsed",
    value: { permitId: bytes(a.permitId), refunded: text(a.toGrantee) },
  }),
  "JobPermits.JobRefunded": (a) => ({
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
};

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
