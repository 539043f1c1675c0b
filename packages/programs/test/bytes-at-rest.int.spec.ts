import { countsProfile, type EncryptedBlock, generateDatasetKey, OwnerPool } from "@cos/fhe";
import { expect, it } from "vitest";
import { layouts, traitChannels } from "../src/encode/layout.ts";

/** Real containers of the size that a cohort has them: one block of genotypes and one of a trait, every row filled. */
async function blocksOf(ciphertextsPerRow: readonly number[]): Promise<EncryptedBlock[]> {
  const { profile, rowsPerBlock } = layouts["allele-counts"];
  const pool = new OwnerPool(await generateDatasetKey([profile]), 2);
  try {
    return await Promise.all(
      ciphertextsPerRow.map((perRow, i) =>
        pool.encrypt({
          profile,
          label: { array: "a".repeat(64), segment: "s".repeat(64), variantBlock: i, rowBlock: 0 },
          ciphertextsPerRow: perRow,
          coefficientsPerCiphertext: 1,
          coefficients: new Uint32Array(rowsPerBlock * perRow),
          streamIndexes: Uint32Array.from({ length: rowsPerBlock }, (_, row) => row),
        }),
      ),
    );
  } finally {
    await pool.close();
  }
}

it("keeps genotypes with missing calls and a phenotype of its own at 7 bytes each, and whom it costs more", async () => {
  const layout = layouts["allele-counts"];
  expect([layout.profile, layout.maxVariantsPerBlock]).toEqual([countsProfile, 2048]);
  const perPerson = (isComplete: boolean) => {
    const columns = traitChannels(layout, layout.maxVariantsPerBlock, { kind: "binary", isComplete });
    return 1 + Math.max(...columns.map((channel) => channel.at.ciphertext));
  };
  const [genotypes, everybodys, somePeoples] = (await blocksOf([1, perPerson(true), perPerson(false)])).map(
    ({ bytes }) => bytes.length / layout.rowsPerBlock,
  ) as [number, number, number];
  const bytesPerGenotype = (markers: number, phenotype: number) =>
    (Math.ceil(markers / layout.maxVariantsPerBlock) * genotypes + phenotype) / markers;
  // 6.25 bytes are 50 bits a coefficient; the phenotype's ciphertexts spread over all markers: one per person where
  // everybody has a value, two where some have none.
  expect(genotypes / layout.maxVariantsPerBlock).toBeLessThan(6.28);
  expect(bytesPerGenotype(500_000, everybodys)).toBeLessThan(6.34);
  expect(bytesPerGenotype(28_501, everybodys)).toBeLessThan(6.8);
  expect(bytesPerGenotype(18_432, everybodys)).toBeLessThan(7);
  expect(bytesPerGenotype(500_000, somePeoples)).toBeLessThan(6.36);
  expect(bytesPerGenotype(36_864, somePeoples)).toBeLessThan(7);
  expect(bytesPerGenotype(28_501, somePeoples)).toBeLessThan(7.25);
});
