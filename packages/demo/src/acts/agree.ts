import { writeFile } from "node:fs/promises";
import {
  draftPermit,
  type Granted,
  grantAccess,
  type JobQuote,
  makePurpose,
  makeRequestDocument,
  type PermitDraft,
  parseRequestDocument,
  readAuthorisation,
  readDraft,
  requestAccess,
  requestFileText,
  signAuthorisation,
} from "@cos/client";
import { digestOfJson, formatOpMask, Op, type Purpose } from "@cos/protocol";
import type { Party } from "../run/actor.ts";
import type { StageClock } from "../run/stage-clock.ts";

export interface Price {
  /** In the fee token's smallest unit. */
  readonly feePerUse: bigint;
  readonly workFee: bigint;
}

export const noPrice: Price = { feePerUse: 0n, workFee: 0n };

export interface Agreement {
  readonly grant: Granted;
  readonly purpose: Purpose;
  /** Where the hospital keeps the request that it granted. */
  readonly requestFile: string;
}

/** What the researcher promises about results; its digest stands in the grant. */
const dataUseTerms = digestOfJson({
  title: "Data use terms of the demonstration",
  terms: ["no attempt to identify anybody", "results of the controlled class stay with the named grantee"],
});

/** Hours that a grant of the demonstration is good for. */
const grantHours = 24;

/** The researcher asks with a structured purpose; the hospital reads the request and grants it, all ten clauses set. */
export async function agreeOnAccess(
  clock: StageClock,
  hospital: Party,
  researcher: Party,
  want: { datasetId: string; traitName: string; algorithmId: string; price: Price; requestFile: string },
): Promise<Agreement> {
  const purpose = makePurpose(["DUO:0000006"], `Which loci are associated with ${want.traitName}?`);
  const asked = await clock.run("researcher", "ask for access", async (report) => {
    const document = makeRequestDocument({
      purpose,
      recipient: researcher.account.recipient,
      outputTerms: { allowReencrypt: true, allowMultiKey: false, documentHash: dataUseTerms },
    });
    const requested = await requestAccess(researcher.client, researcher.account, {
      datasetId: want.datasetId,
      opMask: Op.COMPUTE,
      document,
    });
    report.note(`${formatOpMask(Op.COMPUTE)} for ${purpose.duo.join(", ")}`);
    return { requestId: requested.requestId, file: requestFileText(document) };
  });
  await writeFile(want.requestFile, asked.file, { mode: 0o600 });
  const grant = await clock.run("hospital", "grant it, in ten clauses", async (report) => {
    const token = hospital.client.platform.chain.feeTokens[0]?.address;
    const now = await hospital.client.chain.now();
    const granted = await grantAccess(
      hospital.client,
      hospital.account,
      asked.requestId,
      parseRequestDocument(asked.file),
      {
        allowedAlgorithms: [want.algorithmId],
        notBefore: now,
        expiry: now + grantHours * 3600,
        maxRuns: 3,
        rateMax: 3,
        rateWindow: 3600,
        region: hospital.client.platform.region,
        exactReleases: 3,
        outputPolicy: "reencrypt",
        graceSeconds: 60,
        auditEachUse: true,
        ...(want.price.feePerUse > 0n && token !== undefined
          ? {
              feeToken: token,
              feePerUse: want.price.feePerUse,
              workFee: want.price.workFee,
              computeBps: 3_000,
              authorBps: 500,
            }
          : {}),
      },
    );
    report.note(`grant ${granted.grantId}, 3 runs, ${grantHours} h`);
    return granted;
  });
  return { grant, purpose, requestFile: want.requestFile };
}

/** The researcher's price enquiry, and the hospital's signature under exactly that permit. */
export async function agreeOnJob(
  clock: StageClock,
  hospital: Party,
  researcher: Party,
  want: {
    datasetId: string;
    grantId: string;
    purpose: Purpose;
    traitName: string;
    algorithmId: string;
    program: string;
  },
): Promise<{ quote: JobQuote; draft: PermitDraft; authorisation: ReturnType<typeof readAuthorisation> }> {
  const { quote, draft } = await clock.run("researcher", "ask what the job costs", async (report) => {
    const drafted = await draftPermit(researcher.client, researcher.account, {
      uses: [{ grantId: want.grantId, datasetId: want.datasetId }],
      algorithmId: want.algorithmId,
      program: want.program,
      params: { trait: want.traitName },
      purpose: want.purpose,
    });
    report.bytes(drafted.quote.inputBytes);
    report.note(`${drafted.quote.tasks} tasks over ${(drafted.quote.inputBytes / 1e6).toFixed(1)} MB`);
    return drafted;
  });
  const authorisation = await clock.run("hospital", "sign this one use (EIP-712)", async () => {
    const read = await readDraft(hospital.client, JSON.stringify(draft));
    const signed = await signAuthorisation(hospital.client, hospital.account, read, want.datasetId);
    return readAuthorisation(JSON.stringify(signed));
  });
  return { quote, draft, authorisation };
}
