import { cpus } from "node:os";
import { type DatasetKey, generateDatasetKey } from "@cos/fhe";
import { simulateCohort } from "@cos/genomics";
import { type Digest, digestOfBytes, type Manifest, manifestBytes, unwrap } from "@cos/protocol";
import { encryptDataset } from "../src/index.ts";

export type TinyDataset = {
  manifest: Manifest;
  key: DatasetKey;
  /** Every stored object, the manifest included. */
  objects: Map<Digest, Uint8Array>;
  manifestDigest: Digest;
  /** Plain answers, counted here and not by the code under test. */
  expected: { alleles: bigint[]; called: bigint[]; caseAlleles: bigint[]; controlCalled: bigint[] };
};

/**
 * 24 simulated people at the sites of the first chromosomes, with a case/control trait, really encrypted.
 * Two chromosomes make one map task, all 22 with 120 rows two.
 */
export async function tinyDataset({ chromosomes = 2, rowsPadded = 30 } = {}): Promise<TinyDataset> {
  const cohort = simulateCohort({ samples: 24, variants: 220, seed: 7, missingRate: 0.05 });
  const variants = cohort.source.variants.filter(({ contig }) => (contig.code ?? 99) <= chromosomes);
  const source = { ...cohort.source, variants };
  const status = cohort.status;
  const key = await generateDatasetKey();
  const objects = new Map<Digest, Uint8Array>();
  const encrypted = unwrap(
    await encryptDataset({
      source,
      traits: [{ kind: "case-control", name: "affected", status }],
      site: "test",
      consentClass: ["DUO:0000042"],
      rowsPadded,
      assembly: "test",
      key,
      effectiveAt: 0,
      threads: Math.min(2, cpus().length),
      sink: async ({ digest }, bytes) => {
        objects.set(digest, bytes);
      },
    }),
  );
  const { manifest } = encrypted;
  const bytes = manifestBytes(manifest);
  const manifestDigest = digestOfBytes(bytes);
  objects.set(manifestDigest, bytes);
  return { manifest, key, objects, manifestDigest, expected: await countPlainly(source, status) };
}

async function countPlainly(source: ReturnType<typeof simulateCohort>["source"], status: Uint8Array) {
  const block = unwrap(await source.readBlock(0, source.variants.length));
  const people = source.samples.length;
  const zeros = () => source.variants.map(() => 0n);
  const sums = { alleles: zeros(), called: zeros(), caseAlleles: zeros(), controlCalled: zeros() };
  for (let v = 0; v < source.variants.length; v++) {
    for (let s = 0; s < people; s++) {
      const a = BigInt(block.alleles[v * people + s] ?? 0);
      const c = BigInt(block.called[v * people + s] ?? 0);
      sums.alleles[v]! += a;
      sums.called[v]! += c;
      if (status[s] === 2) sums.caseAlleles[v]! += a;
      if (status[s] === 1) sums.controlCalled[v]! += c;
    }
  }
  return sums;
}
