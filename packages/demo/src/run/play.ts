import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type AuditEvent,
  ensureIdentity,
  type JobQuote,
  type JobView,
  readAudit,
  toBytes,
  toHex,
} from "@cos/client";
import type { GenotypeSource, Trait } from "@cos/genomics";
import { programFor } from "@cos/programs";
import { formatUnits } from "ethers";
import { type Agreement, agreeOnAccess, agreeOnJob, noPrice, type Price } from "../acts/agree.ts";
import { runJob } from "../acts/compute.ts";
import { type HandedOver, openAndRelease } from "../acts/open-and-release.ts";
import { type PublishedCohort, publishCohort } from "../acts/publish.ts";
import { type Comparison, compareCounts } from "../check/compare-counts.ts";
import { openForPlaintext } from "../check/open-for-plaintext.ts";
import { type PlaintextStudy, plaintextStudy } from "../check/plaintext-path.ts";
import { type DemoCohort, prepareCohort } from "../cohort/prepare-cohort.ts";
import type { DemoOptions } from "../demo-options.ts";
import { watchCalls } from "../left/call-sightings.ts";
import { chainSightings } from "../left/chain-sightings.ts";
import { FieldSightings } from "../left/field-sightings.ts";
import type { PlatformProcess } from "../platform/platform-process.ts";
import { mergeTrails } from "../report/audit-rows.ts";
import { moneyRows } from "../report/money-rows.ts";
import type { ReportData } from "../report/report-data.ts";
import type { Party } from "./actor.ts";
import { giveCredit } from "./give-credit.ts";
import type { StageClock } from "./stage-clock.ts";
import type { OutFolder } from "./work-folder.ts";

export interface Stagecraft {
  readonly options: DemoOptions;
  readonly clock: StageClock;
  readonly out: OutFolder;
  readonly platform: PlatformProcess;
  newActor(dir: string, name: string): Promise<Party>;
}

/** Everything that the report tells, gathered while the platform ran. */
export interface PlayOutcome {
  readonly cohort: DemoCohort;
  readonly source: GenotypeSource;
  readonly trait: Trait;
  readonly program: { readonly name: string; readonly algorithmId: string };
  readonly published: PublishedCohort;
  readonly agreement: Agreement;
  readonly quote: JobQuote;
  readonly job: JobView;
  readonly permitId: string;
  readonly handedOver: HandedOver;
  readonly plain: PlaintextStudy;
  readonly plaintextSeconds: number;
  readonly comparison: Comparison;
  readonly audit: readonly AuditEvent[];
  readonly money: ReportData["money"];
  readonly sightings: FieldSightings;
}

/** Ten credits a use; a fifth of it is due for work done before a late stop. */
const price: Price = { feePerUse: 10n * 10n ** 18n, workFee: 2n * 10n ** 18n };

/** The flow of DESIGN.md section 5 from the first key to the released table. Every step is a public interface's. */
export async function play({ options, clock, out, platform, newActor }: Stagecraft): Promise<PlayOutcome> {
  const sightings = new FieldSightings();
  await mkdir(out.hospital, { recursive: true });
  const cohort = await clock.run("hospital", "prepare the cohort's files", async (report) => {
    const prepared = await prepareCohort(options, out.hospital);
    report.note(prepared.source);
    return prepared;
  });
  const [hospital, researcher] = await clock.run(
    "hospital",
    "make keys and identities, each in its own home",
    async () => {
      const both = await Promise.all([
        newActor(out.hospital, "hospital"),
        newActor(out.researcher, "researcher"),
      ]);
      for (const party of both) await ensureIdentity(party.client, party.account);
      return both;
    },
  );
  watchCalls(hospital.client, "hospital", sightings);
  watchCalls(researcher.client, "researcher", sightings);
  const published = await publishCohort(clock, hospital, cohort, options, out.hospital);
  const { datasetId } = published.published;
  const fee = options.free ? noPrice : price;
  if (!options.free) {
    await clock.run("operator", "give the researcher development credits", async (report) => {
      const amount = 10n * fee.feePerUse;
      await giveCredit(platform.platform, out.platform, researcher.account.address, amount);
      report.note(`${formatUnits(amount, 18)} ${platform.platform.chain.feeTokens[0]?.symbol ?? ""}`);
    });
  }
  const program = chooseProgram(platform, published, options.program);
  const want = { datasetId, traitName: cohort.traitName, ...program };
  const agreement = await agreeOnAccess(clock, hospital, researcher, {
    ...want,
    price: fee,
    requestFile: join(out.hospital, "access-request.json"),
  });
  const { quote, draft, authorisation } = await agreeOnJob(clock, hospital, researcher, {
    ...want,
    program: program.name,
    grantId: agreement.grant.grantId,
    purpose: agreement.purpose,
  });
  const { issued, job } = await runJob(clock, researcher, draft, authorisation);
  const handedOver = await openAndRelease(clock, hospital, researcher, {
    permitId: issued.permitId,
    requestFile: agreement.requestFile,
    ownerDir: join(out.dir, "owner"),
    releaseDir: join(out.dir, "release"),
  });
  const { source, trait, plain, plaintextSeconds, comparison } = await checkInPlaintext(
    clock,
    cohort,
    handedOver,
  );
  const gathered = await clock.run("check", "read audit trail, money and every block", async (report) => {
    const scopes = [{ datasetId }, { grantId: agreement.grant.grantId }, { permitId: issued.permitId }];
    const trails = await Promise.all(scopes.map((scope) => readAudit(researcher.client, scope)));
    const audit = mergeTrails(trails);
    const algorithmId = toBytes(platform.platform.programs[program.name] ?? "0x");
    const { algorithm } = await researcher.client.services.access.getAlgorithm({ algorithmId });
    const money = await moneyRows(researcher.client, issued.permitId, [
      { who: "researcher", address: researcher.account.address },
      { who: "hospital", address: hospital.account.address },
      { who: "operator", address: platform.platform.operator },
      { who: "program's author", address: toHex(algorithm?.author ?? new Uint8Array(20)) },
    ]);
    await chainSightings(researcher.client, sightings);
    report.note(`${audit.length} logs`);
    return { audit, money };
  });
  return {
    cohort,
    source,
    trait,
    program,
    published,
    agreement,
    quote,
    job,
    permitId: issued.permitId,
    handedOver,
    plain,
    plaintextSeconds,
    comparison,
    sightings,
    ...gathered,
  };
}

function chooseProgram(
  platform: PlatformProcess,
  { encrypted }: PublishedCohort,
  named: string | undefined,
): { name: string; algorithmId: string } {
  const kind = encrypted.traits[0]?.kind === "binary" ? "binary" : "quantitative";
  const name = named ?? programFor(kind).name;
  const algorithmId = platform.platform.programs[name];
  if (algorithmId !== undefined) return { name, algorithmId };
  const known = Object.keys(platform.platform.programs).join(", ");
  throw new Error(`there is no program ${name}; this platform has ${known}`);
}

async function checkInPlaintext(clock: StageClock, cohort: DemoCohort, { opened }: HandedOver) {
  return clock.run("check", "the same study in plaintext", async (report) => {
    const start = performance.now();
    const { source, trait } = await openForPlaintext(cohort.files);
    const decimals = opened.result.kind === "qassoc" ? opened.result.sums[0]?.decimals : undefined;
    const plain = await plaintextStudy(source, trait, decimals);
    const plaintextSeconds = (performance.now() - start) / 1000;
    const comparison = compareCounts(opened.result, plain);
    await source.close();
    report.note(
      comparison.equal
        ? `${comparison.countsCompared.toLocaleString("en")} counts and ${comparison.statisticsCompared.toLocaleString("en")} printed fields are equal`
        : `DIFFERENT: ${comparison.firstDifference}`,
    );
    return { source, trait, plain, plaintextSeconds, comparison };
  });
}
