import { asDigest } from "@cos/protocol";
import { expect, it } from "vitest";
import { accountOf, newAccountSecret } from "../keystore/account.ts";
import { approveRelease, approverOf } from "./release-approval.ts";
import { packageText, parsePackage, type ReleasePackage, releaseCommitmentOf } from "./release-package.ts";

const digest = (byte: string) => asDigest(`0x${byte.repeat(32)}`);
const release: ReleasePackage = {
  format: "cos-release/1",
  permitId: digest("01"),
  datasetId: "1",
  version: 1,
  class: "controlled",
  program: "allelic-association",
  algorithmId: digest("02"),
  params: { trait: "tufted" },
  suppressed: { total: 1 },
  released: 1,
  minorAlleleFrequencyLowerLimit: 0.1,
  terms: "none",
  table: "CHR\n1\n",
  salt: digest("03"),
};

it("commits to every part of a release, table included", () => {
  const commitment = releaseCommitmentOf(release);
  expect(releaseCommitmentOf(parsePackage(packageText(release)))).toBe(commitment);
  const changes: Partial<ReleasePackage>[] = [
    { table: "CHR\n2\n" },
    { salt: digest("04") },
    { permitId: digest("05") },
    { class: "open-deposit" },
    { released: 2 },
  ];
  for (const change of changes) expect(releaseCommitmentOf({ ...release, ...change })).not.toBe(commitment);
});

it("refuses a release with a field too many or too few", () => {
  expect(() => parsePackage(JSON.stringify({ ...release, extra: 1 }))).toThrow("none of this version");
  const { table: _, ...rest } = release;
  expect(() => parsePackage(JSON.stringify(rest))).toThrow("none of this version");
});

it("takes an approval for exactly what was approved, by whoever signed it", async () => {
  const steward = await accountOf("steward", await newAccountSecret());
  const subject = {
    permitId: digest("01"),
    datasetId: "1",
    class: "controlled",
    tableDigest: digest("09"),
  } as const;
  const approval = await approveRelease(31_337, steward, subject);
  expect(approverOf(31_337, approval, subject)).toBe(steward.address);
  for (const other of [
    { tableDigest: digest("0a") },
    { datasetId: "2" },
    { class: "open-deposit" as const },
  ]) {
    expect(() => approverOf(31_337, approval, { ...subject, ...other })).toThrow("another table");
  }
  expect(() => approverOf(1, approval, subject)).toThrow("another table");
  const claimed = { ...approval, approver: `0x${"11".repeat(20)}` };
  expect(() => approverOf(31_337, claimed, subject)).toThrow("another table");
});
