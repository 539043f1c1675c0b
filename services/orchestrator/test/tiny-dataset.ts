import { cpus } from "node:os";
import { type DatasetKey, generateDatasetKey } from "@cos/fhe";
import { simulateCohort } from "@cos/genomics";
import { encryptDataset } from "@cos/programs";
import { type Digest, digestOfBytes, type Manifest, manifestBytes, unwrap } from "@cos/protocol";

export type TinyDataset = {
  manifest: Manifest;
  key: DatasetKey;
  /** Every stored object, the manifest included. */
  objects: Map<Digest, Uint8Array>;
  manifestDigest: Digest;
  /** Plain answers, counted here and not by the code under test. */
  expected: { alleles: bigint[]; called: bigint[]; caseAlleles: bigint[]; controlCalled: bigint[] };
};

/** 24 simulated people at 40 sites with a case/control trait, really encrypted. */
export async function tinyDataset(): Promise<TinyDataset> {
  const cohort = simulateCohort({ samples: 24, variants: 40, seed: 7, missingRate: 0.05 });
  const status = cohort.status;
  const key = await generateDatasetKey();
  const objects = new Map<Digest, Uint8Array>();
  const encrypted = unwrap(
    await encryptDataset({
      source: cohort.source,
      traits: [{ kind: "case-control", name: "affected", status }],
      site: "test",
      consentClass: ["DUO:0000042"],
      rowsPadded: 30,
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
  return { manifest, key, objects, manifestDigest, expected: await countPlainly(cohort.source, status) };
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
