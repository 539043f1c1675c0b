import { big, bytes, int, type Translations, text } from "./read-args.ts";

/** What the logs of uses and of money say. */
export const ledgerFacts: Translations = {
  "UsageLog.Used": (a) => ({
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
  "UsageLog.UsesBatched": (a) => ({
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
  "Settlement.FeeLocked": (a) => ({
    $case: "feeLocked",
    value: {
      locker: bytes(a.locker),
      key: bytes(a.key),
      payer: bytes(a.payer),
      token: bytes(a.token),
      amount: text(a.amount),
    },
  }),
  "Settlement.Credited": (a) => ({
    $case: "credited",
    value: {
      locker: bytes(a.locker),
      key: bytes(a.key),
      account: bytes(a.account),
      token: bytes(a.token),
      amount: text(a.amount),
    },
  }),
  "Settlement.Withdrawn": (a) => ({
    $case: "withdrawn",
    value: {
      account: bytes(a.account),
      token: bytes(a.token),
      to: bytes(a.to),
      amount: text(a.amount),
    },
  }),
};
