import { type Args, big, bytes, fields, int, list, type Translations, text, type Wire } from "./read-args.ts";

/** What the logs of requests, grants and reservations say. */
export const accessFacts: Translations = {
  "AccessACL.Requested": (a) => ({
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
  "AccessACL.Declined": (a) => ({
    $case: "accessDeclined",
    value: { requestId: text(a.grantId), datasetId: text(a.datasetId), by: bytes(a.by) },
  }),
  "AccessACL.Granted": (a) => ({ $case: "accessGranted", value: toGranted(a) }),
  "AccessACL.Revoked": (a) => ({
    $case: "accessRevoked",
    value: { grantId: text(a.grantId), datasetId: text(a.datasetId), by: bytes(a.by) },
  }),
  "AccessACL.AllRevoked": (a) => ({
    $case: "allAccessRevoked",
    value: { datasetId: text(a.datasetId), epoch: big(a.epoch), by: bytes(a.by) },
  }),
  "AccessACL.RunReserved": (a) => {
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
  "AccessACL.RunUsed": (a) => ({
    $case: "runUsed",
    value: { grantId: text(a.grantId), permitId: bytes(a.permitId) },
  }),
  "AccessACL.RunReturned": (a) => ({
    $case: "runReturned",
    value: { grantId: text(a.grantId), permitId: bytes(a.permitId) },
  }),
  "AccessACL.TicketsReserved": (a) => ({
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
