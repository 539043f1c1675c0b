export * from "./access/audit.ts";
export * from "./access/grant-access.ts";
export * from "./access/identity.ts";
export * from "./access/purpose.ts";
export * from "./access/request-access.ts";
export * from "./access/request-file.ts";
export * from "./chain/cos-chain.ts";
export { explainRevert } from "./chain/explain-revert.ts";
export { CosClient } from "./cos-client.ts";
export * from "./datasets/append-cohort.ts";
export { DatasetFolder } from "./datasets/dataset-folder.ts";
export { type DatasetSecret, openSecret } from "./datasets/dataset-secret.ts";
export {
  type EncryptChoice,
  type Encrypted,
  encryptCohort,
  type Keyring,
} from "./datasets/encrypt-cohort.ts";
export * from "./datasets/open-cohort.ts";
export { keyOfDataset } from "./datasets/own-datasets.ts";
export { type Published, publishDataset } from "./datasets/publish-dataset.ts";
export * from "./datasets/published-dataset.ts";
export * from "./datasets/withdraw-people.ts";
export * from "./failure.ts";
export * from "./home/cos-home.ts";
export { writeSecretFile } from "./home/secret-file.ts";
export * from "./jobs/authorise.ts";
export * from "./jobs/draft-permit.ts";
export * from "./jobs/issue-permit.ts";
export * from "./jobs/payments.ts";
export * from "./jobs/permit-terms.ts";
export * from "./jobs/watch-job.ts";
export * from "./keystore/account.ts";
export * from "./keystore/account-failure.ts";
export * from "./keystore/age-seal.ts";
export * from "./keystore/backup.ts";
export { type DatasetNotes, DatasetVault } from "./keystore/dataset-vault.ts";
export type { RecoveryKit } from "./keystore/recovery-kit.ts";
export { type LedgerEntry, readLedger } from "./keystore/release-ledger.ts";
export * from "./objects/transfers.ts";
export * from "./platform-file.ts";
export * from "./results/open-permit.ts";
export * from "./results/permit-on-chain.ts";
export * from "./results/receive-release.ts";
export * from "./results/release-approval.ts";
export * from "./results/release-package.ts";
export * from "./results/release-permit.ts";
export * from "./results/verify-permit.ts";
export { checkHealth, type Health } from "./wire/check-health.ts";
export { toBytes, toHex } from "./wire/hex.ts";
export { orFail, rpcFailure } from "./wire/rpc-failure.ts";
export { Session } from "./wire/session.ts";
