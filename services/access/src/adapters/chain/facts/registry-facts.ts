import { big, bytes, int, list, nameIn, type Translations, text } from "./read-args.ts";

// Names of the contracts' enums, by value (contracts/src/types, contracts/src/interfaces).
const versionReasons = ["", "initial", "append", "correct", "withdraw", "consent"];
const datasetStatuses = ["", "active", "paused", "withdrawn"];
const algorithmStates = ["removed", "proposed", "approved", "deprecated", "revoked"];

/** What the logs of identities, datasets, programs and regions say. */
export const registryFacts: Translations = {
  "IdentitySBT.IdentityMinted": (a) => ({
    $case: "identityMinted",
    value: { sbtId: text(a.sbtId), holder: bytes(a.holder), didCommitment: bytes(a.didCommitment) },
  }),
  "IdentitySBT.IdentityBurned": (a) => ({
    $case: "identityBurned",
    value: { sbtId: text(a.sbtId), holder: bytes(a.holder) },
  }),
  "IdentitySBT.IdentityRecovered": (a) => ({
    $case: "identityRecovered",
    value: { sbtId: text(a.sbtId), holder: bytes(a.to), from: bytes(a.from) },
  }),
  "DatasetRegistry.DatasetRegistered": (a) => ({
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
  "DatasetRegistry.DatasetVersionPublished": (a) => ({
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
  "DatasetRegistry.DatasetStatusChanged": (a) => ({
    $case: "datasetStatusChanged",
    value: { datasetId: text(a.datasetId), status: nameIn(datasetStatuses, a.status) },
  }),
  "DatasetRegistry.DatasetTransferPending": (a) => ({
    $case: "datasetTransferred",
    value: { datasetId: text(a.datasetId), from: bytes(a.from), owner: bytes(a.to) },
  }),
  "DatasetRegistry.DatasetOwnershipConfirmed": (a) => ({
    $case: "datasetOwnershipConfirmed",
    value: { datasetId: text(a.datasetId), owner: bytes(a.owner), sbtId: text(a.ownerSbt) },
  }),
  "AlgorithmRegistry.AlgorithmRegistered": (a) => ({
    $case: "algorithmRegistered",
    value: {
      algorithmId: bytes(a.algorithmId),
      author: bytes(a.author),
      feeToken: bytes(a.feeToken),
      fee: text(a.fee),
      uri: text(a.uri),
    },
  }),
  "AlgorithmRegistry.AlgorithmStateChanged": (a) => ({
    $case: "algorithmStateChanged",
    value: { algorithmId: bytes(a.algorithmId), state: nameIn(algorithmStates, a.state) },
  }),
  "AlgorithmRegistry.AlgorithmFeeChanged": (a) => ({
    $case: "algorithmFeeChanged",
    value: { algorithmId: bytes(a.algorithmId), feeToken: bytes(a.feeToken), fee: text(a.fee) },
  }),
  "RegionOracle.RegionAttested": (a) => ({
    $case: "regionAttested",
    value: { subject: bytes(a.subject), regionCode: bytes(a.regionCode), expiry: big(a.expiry) },
  }),
  "RegionOracle.RegionRevoked": (a) => ({
    $case: "regionRevoked",
    value: { subject: bytes(a.subject) },
  }),
};
