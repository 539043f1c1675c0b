import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  effectiveCohort,
  groupSizes,
  type Release,
  type ReleaseClass,
  type ReleaseError,
  type ReleasePolicy,
  releaseResult,
  releaseTsv,
  tightenPolicy,
} from "@cos/programs";
import { asDigest, type Digest, OutputPolicy, rowsOf, toRowRanges } from "@cos/protocol";
import { parseRequestDocument, requestUri } from "../access/request-file.ts";
import type { CosClient } from "../cos-client.ts";
import { CosFailure, factsOf } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import type { Account } from "../keystore/account.ts";
import { sealTo } from "../keystore/age-seal.ts";
import { type LedgerEntry, readLedger, writeLedger } from "../keystore/release-ledger.ts";
import type { OpenedPermit } from "./open-permit.ts";
import { type ApprovalSubject, approverOf, type ReleaseApproval } from "./release-approval.ts";
import { awaitReleasable, logRelease } from "./release-on-chain.ts";
import {
  noReidentification,
  packageText,
  type ReleasePackage,
  releaseCommitmentOf,
  tableDigestOf,
} from "./release-package.ts";

export type ReleaseChoice = {
  readonly class: ReleaseClass;
  /** The owner's numbers; they only ever tighten the defaults. */
  readonly policy?: Partial<ReleasePolicy>;
  /** Traits that measure the same thing share a family; the trait's name when left out. */
  readonly traitFamily?: string;
  /** Open deposit: the institution certifies that the data are not sensitive and consent allows it. */
  readonly certified?: boolean;
};

/** A release that the policy allows, before anybody has approved it. */
export type PreparedRelease = {
  readonly subject: ApprovalSubject;
  readonly table: string;
  readonly release: Release;
  readonly choice: ReleaseChoice;
};

export type Released = {
  readonly permitId: string;
  readonly datasetId: string;
  readonly class: ReleaseClass;
  readonly released: number;
  readonly suppressed: Release["suppressed"];
  readonly tableDigest: Digest;
  readonly releaseCommitment: Digest;
  readonly transaction: string;
  /** age file for the grantee, hybrid X25519 + ML-KEM-768. */
  readonly sealed: Uint8Array;
  readonly table: string;
};

/**
 * Applies the output policy to an opened result, with differencing checked against everything that ever left this
 * dataset. Nothing is handed over, logged or recorded yet. Everybody who must approve is counted as if they had.
 */
export async function prepareRelease(
  client: CosClient,
  home: CosHome,
  owner: Account,
  opened: OpenedPermit,
  choice: ReleaseChoice,
): Promise<PreparedRelease> {
  const ledger = await completeLedger(client, home, owner, opened);
  await requireOutputPolicy(client, opened);
  const policy = tightenPolicy(choice.policy ?? {});
  const everybody = Array.from({ length: policy.minApprovers }, (_, i) => `approver ${i}`);
  const release = applyPolicy(opened, ledger, policy, choice, everybody);
  const table = releaseTsv(release.rows);
  const { verified, datasetId } = opened;
  return {
    subject: {
      permitId: verified.permit.permitId,
      datasetId,
      class: choice.class,
      tableDigest: tableDigestOf(table),
    },
    table,
    release,
    choice,
  };
}

/**
 * Releases: the policy again with the real approvers, the ledger, then the chain, then the package for the grantee.
 * Repeating it after an interruption completes what was begun; an identical request gives identical table bytes.
 */
export async function releasePermit(
  client: CosClient,
  home: CosHome,
  owner: Account,
  opened: OpenedPermit,
  prepared: PreparedRelease,
  approvals: readonly ReleaseApproval[],
  requestFile?: string,
): Promise<Released> {
  const { verified, datasetId } = opened;
  const { permit } = verified;
  const ledger = await completeLedger(client, home, owner, opened);
  const chainId = client.platform.chain.chainId;
  const approvers = approvals.map((approval) => approverOf(chainId, approval, prepared.subject));
  if (approvers.some((approver) => approver === permit.grantee)) {
    throw new CosFailure("refused", "APPROVER_IS_GRANTEE", "the grantee cannot approve its own release", {
      clause: 7,
    });
  }
  const approvedBy = [...new Set([owner.address, ...approvers])];
  const policy = tightenPolicy(prepared.choice.policy ?? {});
  const release = applyPolicy(opened, ledger, policy, prepared.choice, approvedBy);
  const recipient = await recipientOf(client, home, opened, requestFile);
  await awaitReleasable(client, owner, opened);

  const earlier = ledger.find((entry) => entry.permitId === permit.permitId && entry.datasetId === datasetId);
  const same = ledger.find((entry) => isSameRequest(entry, opened, prepared));
  if (same !== undefined && same.tableDigest !== prepared.subject.tableDigest) {
    throw new CosFailure(
      "refused",
      "RELEASE_DIFFERS",
      "an identical request was answered with other bytes before",
      {
        clause: 7,
        facts: { before: same.tableDigest, now: prepared.subject.tableDigest },
        hint: "release again with the version of COS that made the first one",
      },
    );
  }
  const package_ = toPackage(opened, prepared, release, earlier?.salt ?? freshSalt());
  const commitment = releaseCommitmentOf(package_);
  if (earlier === undefined) {
    const entry = toEntry(opened, prepared, release, package_, commitment, approvedBy);
    await writeLedger(home, owner.recipient, opened.secret.key.keyId, [...ledger, entry]);
  }
  const transaction = await logRelease(client, owner, opened, commitment, prepared.choice.class);
  return {
    permitId: permit.permitId,
    datasetId,
    class: prepared.choice.class,
    released: release.rows.length,
    suppressed: release.suppressed,
    tableDigest: prepared.subject.tableDigest,
    releaseCommitment: commitment,
    transaction,
    sealed: await sealTo(packageText(package_), [recipient]),
    table: prepared.table,
  };
}

const freshSalt = (): Digest => asDigest(`0x${randomBytes(32).toString("hex")}`);

const traitOf = ({ verified }: OpenedPermit): string => Object.values(verified.params)[0] ?? "";
const familyOf = (opened: OpenedPermit, choice: ReleaseChoice): string =>
  choice.traitFamily ?? traitOf(opened);

const isSameRequest = (entry: LedgerEntry, opened: OpenedPermit, prepared: PreparedRelease): boolean =>
  entry.datasetId === opened.datasetId &&
  entry.version === opened.version &&
  entry.algorithmId === opened.verified.permit.algorithmId &&
  entry.paramsHash === opened.verified.permit.paramsHash &&
  entry.class === prepared.choice.class &&
  entry.class !== "lead-loci";

function applyPolicy(
  opened: OpenedPermit,
  ledger: readonly LedgerEntry[],
  policy: ReleasePolicy,
  choice: ReleaseChoice,
  approvedBy: readonly string[],
): Release {
  const { verified, secret } = opened;
  const part = partOf(opened);
  const segments = verified.plan.datasets[part.index]?.segments ?? [];
  const state = secret.ownerState;
  const trait = traitOf(opened);
  const release = releaseResult({
    class: choice.class,
    policy,
    result: opened.result,
    groups: groupSizes(part.manifest, state, trait, segments),
    cohort: {
      traitFamily: familyOf(opened, choice),
      rows: effectiveCohort(part.manifest, state, trait, segments),
    },
    released: ledger.map((entry) => ({ traitFamily: entry.traitFamily, rows: rowsOf(entry.cohort) })),
    approvedBy,
    ...(choice.certified === undefined ? {} : { certified: choice.certified }),
    earlierLeads: ledger.flatMap((entry) => entry.leads),
  });
  if (release.ok) return release.value;
  throw policyFailure(release.error);
}

const words: Record<ReleaseError["code"], string> = {
  COHORT_DIFFERS_BY_FEW:
    "the cohort differs by a few people from one already released: the difference is about them",
  GROUP_TOO_SMALL: "a group is too small to be released about",
  APPROVAL_MISSING: "a second person has to approve the release",
  CERTIFICATION_MISSING: "an open deposit needs the institution's certification",
  LEAD_LOCI_USED_UP: "the dataset's cap on independent lead loci would be passed",
};
const hints: Partial<Record<ReleaseError["code"], string>> = {
  APPROVAL_MISSING: "add --approver ACCOUNT, or --prepare DIR and --approval FILE",
  COHORT_DIFFERS_BY_FEW: "release again when more people differ; the owner's own view stays open",
  CERTIFICATION_MISSING: "add --certified when your institution has certified it",
};

function policyFailure(error: ReleaseError): CosFailure {
  const hint = hints[error.code];
  return new CosFailure(
    "refused",
    error.code,
    `refused by the output policy (clause 7): ${words[error.code]}`,
    {
      clause: 7,
      facts: factsOf(error),
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

const partOf = ({ verified, datasetId }: OpenedPermit) => {
  const part = verified.own.find((each) => each.datasetId === datasetId);
  if (part === undefined) throw new Error("an opened dataset is one of the owner's");
  return part;
};

/** The ledger, after comparing it with the chain: a release that it does not know would escape differencing. */
async function completeLedger(
  client: CosClient,
  home: CosHome,
  owner: Account,
  opened: OpenedPermit,
): Promise<LedgerEntry[]> {
  const ledger = await readLedger(home, owner, opened.secret.key.keyId);
  const logged = await client.chain.findEvents("JobPermits", "JobReleased", [null, opened.datasetId]);
  const known = new Set(ledger.map((entry) => entry.permitId as string));
  const unknown = logged.filter(({ args }) => !known.has(String(args.permitId).toLowerCase()));
  if (unknown.length === 0) return ledger;
  throw new CosFailure(
    "refused",
    "LEDGER_INCOMPLETE",
    "the chain knows releases that this machine's ledger does not",
    {
      clause: 7,
      facts: { unknown: unknown.length },
      hint: "restore the newest recovery kit into an empty --home: it holds the ledger",
    },
  );
}

/** Clause 7 of the grant: may a result reach the grantee at all? */
async function requireOutputPolicy(client: CosClient, opened: OpenedPermit): Promise<void> {
  const { permit } = opened.verified;
  const grantId = permit.grantIds[partOf(opened).index] ?? "0";
  const clauses = await client.chain.read("AccessACL", "clausesOf", [grantId]);
  if (Number(clauses.outputPolicy) === OutputPolicy.ReencryptToGrantee) return;
  throw new CosFailure("refused", "OUTPUT_NOT_ALLOWED", "the grant keeps results with the owner (clause 7)", {
    clause: 7,
    facts: { grantId },
  });
}

/** What the release is sealed to: the recipient in the request that the grantee committed to on chain. */
async function recipientOf(
  client: CosClient,
  home: CosHome,
  opened: OpenedPermit,
  requestFile: string | undefined,
): Promise<string> {
  const grantId = opened.verified.permit.grantIds[partOf(opened).index] ?? "0";
  const path = requestFile ?? join(home.grants, `${grantId}.json`);
  const text = await readFile(path, "utf8").catch(() => {
    throw new CosFailure("not-found", "REQUEST_FILE_MISSING", "the grantee's request file is not at hand", {
      facts: { grantId },
      hint: "give it with --request-file FILE",
    });
  });
  const document = parseRequestDocument(text);
  const [log] = await client.chain.findEvents("AccessACL", "Requested", [grantId]);
  if (log?.args.uri === requestUri(document)) return document.recipient;
  throw new CosFailure(
    "integrity",
    "REQUEST_FILE_MISMATCH",
    "the request file is not the one committed to on chain",
    {
      facts: { grantId },
    },
  );
}

function toPackage(
  opened: OpenedPermit,
  prepared: PreparedRelease,
  release: Release,
  salt: Digest,
): ReleasePackage {
  const { verified, datasetId, version } = opened;
  return {
    format: "cos-release/1",
    permitId: verified.permit.permitId,
    datasetId,
    version,
    class: prepared.choice.class,
    program: verified.program.name,
    algorithmId: verified.permit.algorithmId,
    params: { ...verified.params },
    suppressed: { ...release.suppressed },
    released: release.rows.length,
    minorAlleleFrequencyLowerLimit: release.minorAlleleFrequencyLowerLimit,
    terms: noReidentification,
    table: prepared.table,
    salt,
  };
}

function toEntry(
  opened: OpenedPermit,
  prepared: PreparedRelease,
  release: Release,
  package_: ReleasePackage,
  releaseCommitment: Digest,
  approvedBy: readonly string[],
): LedgerEntry {
  const { verified, secret } = opened;
  const part = partOf(opened);
  const segments = verified.plan.datasets[part.index]?.segments ?? [];
  return {
    permitId: verified.permit.permitId,
    datasetId: opened.datasetId,
    version: opened.version,
    algorithmId: verified.permit.algorithmId,
    paramsHash: verified.permit.paramsHash,
    class: prepared.choice.class,
    traitFamily: familyOf(opened, prepared.choice),
    cohort: toRowRanges(effectiveCohort(part.manifest, secret.ownerState, traitOf(opened), segments)),
    tableDigest: prepared.subject.tableDigest,
    releaseCommitment,
    salt: package_.salt,
    approvedBy: [...approvedBy],
    leads: prepared.choice.class === "lead-loci" ? release.rows.map((row) => row.variant.id) : [],
    releasedAt: Math.floor(Date.now() / 1000),
  };
}
