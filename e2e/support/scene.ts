import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Authorisation,
  accountOf,
  approveRelease,
  type CohortFiles,
  CosClient,
  checkKit,
  draftPermit,
  encryptCohort,
  ensureIdentity,
  type GrantChoice,
  grantAccess,
  type Issued,
  issuePermit,
  type JobView,
  type JobWish,
  makePurpose,
  makeRequestDocument,
  newAccountSecret,
  type OpenedPermit,
  openCohort,
  openPermit,
  type PermitDraft,
  type Published,
  prepareRelease,
  publishDataset,
  type Released,
  readKit,
  releasePermit,
  requestAccess,
  requestFileText,
  signAuthorisation,
  waitForJob,
} from "@cos/client";
import { giveCredit, newParty, type Party, type PlatformProcess, startPlatformProcess } from "@cos/demo";
import { Op, type Purpose } from "@cos/protocol";
import type { PlatformOptions } from "@cos/standalone";

/** A hospital's published dataset. */
export interface Dataset {
  readonly datasetId: string;
  readonly kit: string;
  readonly dir: string;
  readonly published: Published;
}

export interface Study {
  readonly grantId: string;
  readonly requestFile: string;
}

/**
 * A running platform with a hospital and a researcher, for stories told through the public interfaces only. Everything
 * lies in one temporary folder, which `close` deletes after it has stopped every process.
 */
export class Scene {
  readonly dir: string;
  readonly platformOptions: Omit<PlatformOptions, "now">;
  platform: PlatformProcess;
  readonly hospital: Party;
  readonly researcher: Party;
  #datasets = 0;
  readonly #purposes = new Map<string, Purpose>();

  private constructor(
    dir: string,
    options: Omit<PlatformOptions, "now">,
    platform: PlatformProcess,
    parties: readonly [Party, Party],
  ) {
    this.dir = dir;
    this.platformOptions = options;
    this.platform = platform;
    [this.hospital, this.researcher] = parties;
  }

  static async open(options: Partial<Omit<PlatformOptions, "now" | "dataDir">> = {}): Promise<Scene> {
    const dir = await mkdtemp(join(tmpdir(), "cos-e2e-"));
    const platformOptions = { workers: 2, ...options, dataDir: join(dir, "platform") };
    const platform = await startPlatformProcess(platformOptions).catch(async (cause: unknown) => {
      await rm(dir, { recursive: true, force: true });
      throw cause;
    });
    const parties = [
      await newParty(join(dir, "hospital"), "hospital", platform.platform),
      await newParty(join(dir, "researcher"), "researcher", platform.platform),
    ] as const;
    for (const party of parties) await ensureIdentity(party.client, party.account);
    return new Scene(dir, platformOptions, platform, parties);
  }

  /** A story on a platform that somebody else started and stops. `dir` is the story's own; `parties` may take part in others. */
  static on(
    dir: string,
    platform: PlatformProcess,
    platformDir: string,
    parties: readonly [Party, Party],
  ): Scene {
    return new Scene(dir, { dataDir: platformDir }, platform, parties);
  }

  async close(): Promise<void> {
    this.hospital.client.close();
    this.researcher.client.close();
    await this.platform.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Another person with a home of its own. */
  async newParty(name: string): Promise<Party> {
    const party = await newParty(join(this.dir, name), name, this.platform.platform);
    await ensureIdentity(party.client, party.account);
    return party;
  }

  /** Starts the platform again on its folder, after it was killed or stopped; other options than before may be given. */
  async restart(options: Partial<Omit<PlatformOptions, "now" | "dataDir">> = {}): Promise<void> {
    this.platform = await startPlatformProcess({ ...this.platformOptions, ...options });
  }

  newClient(): CosClient {
    return new CosClient(this.platform.platform);
  }

  /** Encrypts a cohort, tests the kit, publishes. */
  async publish(
    files: CohortFiles,
    consentClass: readonly string[] = ["DUO:0000006"],
    more: {
      readonly region?: string;
      readonly fixTraits?: readonly string[];
      readonly fixedOnly?: boolean;
    } = {},
  ): Promise<Dataset> {
    const { region = this.platform.platform.region, ...fixed } = more;
    const { hospital } = this;
    this.#datasets += 1;
    const dir = join(this.dir, `dataset-${this.#datasets}`);
    const kit = join(this.dir, `dataset-${this.#datasets}.kit.age`);
    const cohort = await openCohort(files);
    const choice = {
      name: "cohort",
      outDir: dir,
      kitPath: kit,
      site: "hospital",
      consentClass,
      assembly: "GRCh38",
      ...fixed,
    };
    await encryptCohort(hospital.ring, cohort, { ...choice, threads: 1 });
    await cohort.source.close();
    await checkKit(hospital.home, await readKit(kit, hospital.ring.passphrase), hospital.ring.passphrase);
    const published = await publishDataset(hospital.client, hospital.home, hospital.account, dir, { region });
    return { datasetId: published.datasetId, kit, dir, published };
  }

  /** Request and grant; free and for any number of runs unless the choice says otherwise. */
  async grant(datasetId: string, choice: Partial<GrantChoice> = {}, duo = ["DUO:0000006"]): Promise<Study> {
    const document = makeRequestDocument({
      purpose: makePurpose(duo, "which loci are associated?"),
      recipient: this.researcher.account.recipient,
      outputTerms: {
        allowReencrypt: true,
        allowMultiKey: false,
        documentHash: `0x${"11".repeat(32)}` as never,
      },
    });
    const { requestId } = await requestAccess(this.researcher.client, this.researcher.account, {
      datasetId,
      opMask: choice.opMask ?? Op.COMPUTE,
      document,
    });
    const requestFile = join(this.dir, `request-${requestId}.json`);
    await writeFile(requestFile, requestFileText(document));
    const granted = await grantAccess(this.hospital.client, this.hospital.account, requestId, document, {
      maxRuns: 20,
      region: this.platform.platform.region,
      outputPolicy: "reencrypt",
      ...choice,
    });
    this.#purposes.set(granted.grantId, document.purpose);
    return { grantId: granted.grantId, requestFile };
  }

  /** A grant's clause 10: ten credits a use, a fifth of them for work done before a late stop. */
  paid(): Pick<GrantChoice, "feeToken" | "feePerUse" | "workFee" | "computeBps" | "authorBps"> {
    const feeToken = this.platform.platform.chain.feeTokens[0]?.address ?? "";
    return { feeToken, feePerUse: 10_000n, workFee: 2_000n, computeBps: 3_000, authorBps: 500 };
  }

  credit(to: string, amount: bigint): Promise<string> {
    return giveCredit(this.platform.platform, this.platformOptions.dataDir, to, amount);
  }

  async balance(account: string): Promise<bigint> {
    const token = this.platform.platform.chain.feeTokens[0]?.address ?? "";
    return this.researcher.client.chain.readToken<bigint>(token, "balanceOf", [account]);
  }

  async draft(
    datasetId: string,
    grantId: string,
    traitName: string,
    wish: Partial<JobWish> = {},
  ): Promise<PermitDraft> {
    const program = wish.program ?? "allelic-association";
    const { draft } = await draftPermit(this.researcher.client, this.researcher.account, {
      uses: [{ grantId, datasetId }],
      algorithmId: this.platform.platform.programs[program] ?? "",
      program,
      params: { trait: traitName },
      purpose: this.#purposes.get(grantId) ?? makePurpose(["DUO:0000006"], "of a grant made elsewhere"),
      ...wish,
    });
    return draft;
  }

  sign(draft: PermitDraft, datasetId: string): Promise<Authorisation> {
    return signAuthorisation(this.hospital.client, this.hospital.account, draft, datasetId);
  }

  async issue(draft: PermitDraft, datasetId: string): Promise<Issued> {
    const authorisation = await this.sign(draft, datasetId);
    return issuePermit(this.researcher.client, this.researcher.account, draft, [authorisation]);
  }

  /** From a grant to a committed result. */
  async run(
    datasetId: string,
    grantId: string,
    traitName: string,
    wish: Partial<JobWish> = {},
  ): Promise<JobView> {
    const draft = await this.draft(datasetId, grantId, traitName, wish);
    const { permitId } = await this.issue(draft, datasetId);
    return this.committed(permitId);
  }

  committed(permitId: string): Promise<JobView> {
    const { client, account } = this.researcher;
    return waitForJob(client, account, permitId, "COMMITTED", undefined, 60_000);
  }

  openResult(permitId: string, how: { readonly recompute?: boolean } = {}): Promise<OpenedPermit> {
    const { client, home, account, ring } = this.hospital;
    return openPermit(client, home, account, ring.passphrase, permitId, how);
  }

  /** Releases under the controlled class with a second approver. */
  async release(opened: OpenedPermit, requestFile: string): Promise<Released> {
    const { client, home, account } = this.hospital;
    const approver = await accountOf("committee", await newAccountSecret());
    const prepared = await prepareRelease(client, home, account, opened, { class: "controlled" });
    const approval = await approveRelease(client.platform.chain.chainId, approver, prepared.subject);
    return releasePermit(client, home, account, opened, prepared, [approval], requestFile);
  }
}
