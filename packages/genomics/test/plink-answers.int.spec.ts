import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { openPlink, type SpeciesName } from "../src/index.ts";
import { assocTable, qassocTable, tableRows } from "./plaintext-tables.ts";
import { sharedData, sharedDataMissing } from "./shared-data.ts";

const vector = (name: string) => fileURLToPath(new URL(`vectors/${name}`, import.meta.url));

describe.each<[string, SpeciesName, "all" | "founders"]>([
  ["human", "human", "all"],
  ["human-families", "human", "founders"],
  ["human-few", "human", "all"],
  ["mouse", "mouse", "all"],
  ["cow", "cow", "all"],
  ["rice", "rice", "all"],
])("the vectors %s", (name, species, a1Over) => {
  const file = vector(`${name}.pheno.tsv`);

  it("agree with plink --assoc on every variant", async () => {
    const source = unwrap(await openPlink(vector(name), { species }));
    const ours = await assocTable(source, { file, column: "cc", a1Over });
    await source.close();
    expect(ours).toEqual(tableRows("assoc", await readFile(vector(`${name}.assoc`), "utf8")));
  });

  it("agree with plink --assoc of a quantitative trait on every variant", async () => {
    const source = unwrap(await openPlink(vector(name), { species }));
    const ours = await qassocTable(source, { file, column: "qt", a1Over });
    await source.close();
    const theirs = tableRows("qassoc", await readFile(vector(`${name}.qassoc`), "utf8"));
    // With two people PLINK's standard error is inf or nan by rounding noise (vectors/README.md).
    const comparable = (row: { NMISS: string; SE: string }) =>
      row.NMISS === "2" && row.SE !== "NA" ? { ...row, SE: "" } : row;
    expect(ours.map(comparable)).toEqual(theirs.map(comparable));
  });
});

it("counting A1 over everybody differs from PLINK's founders where there are families", async () => {
  const source = unwrap(await openPlink(vector("human-families")));
  const study = { file: vector("human-families.pheno.tsv"), column: "cc" };
  expect(await assocTable(source, { ...study, a1Over: "all" })).not.toEqual(
    await assocTable(source, { ...study, a1Over: "founders" }),
  );
  await source.close();
});

describe("the mouse intercross of the shared data", () => {
  const answer = async (name: string) => gunzipSync(await readFile(sharedData(name))).toString();
  const file = sharedData("b6btbr.pheno.tsv");

  it.for([
    ["tufted", "rs3700924", "209.6"],
    ["agouti_tan", "rs3022932", "189"],
  ] as const)(
    "%s agrees with PLINK on all 2,057 markers, X included",
    async ([column, peak, chisq], { skip }) => {
      if (sharedDataMissing !== null) skip(sharedDataMissing);
      const source = unwrap(await openPlink(sharedData("b6btbr"), { species: "mouse" }));
      const ours = await assocTable(source, { file, column });
      await source.close();
      expect(ours).toHaveLength(2_057);
      expect(ours).toEqual(tableRows("assoc", await answer(`b6btbr.${column}.plink1.9.assoc.tsv.gz`)));
      expect(ours.find((row) => row.SNP === peak)?.CHISQ).toBe(chisq);
    },
  );

  it("log10_insulin_10wk agrees with PLINK on every marker, X included", async ({ skip }) => {
    if (sharedDataMissing !== null) skip(sharedDataMissing);
    const source = unwrap(await openPlink(sharedData("b6btbr"), { species: "mouse" }));
    const ours = await qassocTable(source, { file, column: "log10_insulin_10wk" });
    await source.close();
    expect(ours).toEqual(
      tableRows("qassoc", await answer("b6btbr.log10_insulin_10wk.plink1.9.qassoc.tsv.gz")),
    );
    expect(ours.find((row) => row.SNP === "rs13476803")?.P).toBe("4.835e-06");
  });
});
