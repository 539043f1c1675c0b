import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  accountOf,
  approveRelease,
  CosFailure,
  newAccountSecret,
  type OpenedPermit,
  openPermit,
  prepareRelease,
  type Released,
  receiveRelease,
  releasePermit,
} from "@cos/client";
import type { Party } from "../run/actor.ts";
import type { StageClock } from "../run/stage-clock.ts";

export interface HandedOver {
  readonly opened: OpenedPermit;
  /** Undefined where the output policy kept everything with the hospital. */
  readonly released: Released | undefined;
  /** Why nothing was released; undefined when something was. */
  readonly refusal: string | undefined;
}

export interface OpenRequest {
  readonly permitId: string;
  /** The file that the researcher handed over with its request. */
  readonly requestFile: string;
  readonly ownerDir: string;
  readonly releaseDir: string;
}

/**
 * The hospital checks and opens the result, then releases what the controlled class allows, approved by a second
 * person; the researcher opens the release with its own key.
 */
export async function openAndRelease(
  clock: StageClock,
  hospital: Party,
  researcher: Party,
  want: OpenRequest,
): Promise<HandedOver> {
  const opened = await clock.run("hospital", "check the result, then open it", async (report) => {
    const { client, home, account, ring } = hospital;
    const done = await openPermit(client, home, account, ring.passphrase, want.permitId, {
      onDownload: report.progress,
      onDecrypt: report.progress,
    });
    await writeTable(want.ownerDir, done.tsv);
    report.bytes(done.verified.result.sizeBytes);
    report.note(
      `${done.verified.assurance} agree; ${done.axis.variants.length.toLocaleString("en")} lines in owner/association.tsv`,
    );
    return done;
  });
  const outcome = await clock.run("hospital", "release by the controlled class", async (report) => {
    const result = await release(hospital, opened, want.requestFile);
    report.note(
      result.released === undefined
        ? `nothing: ${result.refusal}`
        : `${result.released.released.toLocaleString("en")} lines, ${result.released.suppressed.total.toLocaleString("en")} kept back`,
    );
    if (result.released !== undefined) report.bytes(result.released.sealed.length);
    return result;
  });
  const { released } = outcome;
  if (released !== undefined) {
    await clock.run("researcher", "receive the release", async (report) => {
      const received = await receiveRelease(researcher.client, researcher.account, released.sealed);
      await writeTable(want.releaseDir, received.table);
      report.note(`${received.released.toLocaleString("en")} lines in release/association.tsv`);
    });
  }
  return { opened, ...outcome };
}

/** Refusals of the output policy are an outcome; anything else is a fault. */
const policyCodes = ["GROUP_TOO_SMALL", "COHORT_DIFFERS_BY_FEW", "LEAD_LOCI_USED_UP"];

async function release(
  { client, home, account }: Party,
  opened: OpenedPermit,
  requestFile: string,
): Promise<Pick<HandedOver, "released" | "refusal">> {
  const committee = await accountOf("data-access-committee", await newAccountSecret());
  try {
    const prepared = await prepareRelease(client, home, account, opened, { class: "controlled" });
    const approval = await approveRelease(client.platform.chain.chainId, committee, prepared.subject);
    const released = await releasePermit(client, home, account, opened, prepared, [approval], requestFile);
    return { released, refusal: undefined };
  } catch (cause) {
    if (cause instanceof CosFailure && policyCodes.includes(cause.code)) {
      return { released: undefined, refusal: `${cause.message} [${cause.code}]` };
    }
    throw cause;
  }
}

async function writeTable(dir: string, table: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "association.tsv"), table);
}
