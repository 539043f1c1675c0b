import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  checkKit,
  type Encrypted,
  encryptCohort,
  openCohort,
  type Published,
  publishDataset,
  readKit,
} from "@cos/client";
import type { DemoCohort } from "../cohort/prepare-cohort.ts";
import type { DemoOptions } from "../demo-options.ts";
import type { Party } from "../run/actor.ts";
import type { StageClock } from "../run/stage-clock.ts";

/** Consent of everybody in the cohort: health, medical and biomedical research. */
export const consentClass = ["DUO:0000006"];

export interface PublishedCohort {
  readonly encrypted: Encrypted;
  readonly published: Published;
}

/** The hospital encrypts at home, tests its recovery kit, and publishes ciphertexts and a commitment. */
export async function publishCohort(
  clock: StageClock,
  hospital: Party,
  cohort: DemoCohort,
  options: DemoOptions,
  dir: string,
): Promise<PublishedCohort> {
  const encrypted = await clock.run("hospital", "encrypt at home", async (report) => {
    const opened = await openCohort(cohort.files);
    try {
      const done = await encryptCohort(
        hospital.ring,
        opened,
        {
          name: cohort.traitName,
          outDir: join(dir, "encrypted"),
          kitPath: join(dir, "recovery-kit.age"),
          site: "hospital",
          consentClass,
          assembly: options.assembly,
        },
        ({ done, total }) => report.progress(done, total),
      );
      report.bytes(done.bytes);
      report.note(
        `${done.variants.toLocaleString("en")} variants, ${done.rowsPadded.toLocaleString("en")} padded rows, ${(done.bytes / 1e6).toFixed(1)} MB`,
      );
      return done;
    } finally {
      await opened.source.close();
    }
  });
  await clock.run("hospital", "test the recovery kit", async (report) => {
    const kit = await readKit(encrypted.kit, hospital.ring.passphrase);
    const checks = await checkKit(hospital.home, kit, hospital.ring.passphrase);
    if (checks.length === 0 || checks.some((check) => !check.matches)) {
      throw new Error("the recovery kit does not restore the keys");
    }
    report.bytes((await readFile(encrypted.kit)).length);
    report.note("opens, and holds the keys byte for byte");
  });
  const published = await clock.run("hospital", "publish ciphertexts and commitment", async (report) => {
    const done = await publishDataset(hospital.client, hospital.home, hospital.account, encrypted.dir, {
      region: hospital.client.platform.region,
      onProgress: report.progress,
    });
    report.bytes(done.bytes);
    report.note(`dataset ${done.datasetId}, ${done.objects} objects`);
    return done;
  });
  return { encrypted, published };
}
