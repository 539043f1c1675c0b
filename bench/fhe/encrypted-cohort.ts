import { join } from "node:path";
import { type DatasetKey, freeNow, generateDatasetKey } from "@cos/fhe";
import {
  type CaseControlTrait,
  type GenotypeSource,
  HET,
  HOM_A1,
  HOM_A2,
  MISSING,
  openPlink,
  plaintextAssoc,
  SPECIES,
  toSource,
  type Variant,
  type VariantCounts,
  writePlink,
} from "@cos/genomics";
import { type ObjectStore, objectKey } from "@cos/objects";
import {
  allelicAssociation,
  type DatasetVersion,
  encryptDataset,
  finalise,
  openResult,
  type Plan,
  planJob,
} from "@cos/programs";
import { ok, parseVariantAxis, unwrap, type VariantAxis } from "@cos/protocol";

const trait = "affected";

/** Whether everybody has a value for the phenotype: where some lack it, cases and controls are a column each. */
export type Phenotype = "complete" | "incomplete";

/** A made-up cohort, encrypted as `cos dataset encrypt` does it, and the plan of its association study. */
export type EncryptedCohort = {
  samples: number;
  markers: number;
  phenotype: Phenotype;
  source: GenotypeSource;
  status: CaseControlTrait;
  key: DatasetKey;
  dataset: DatasetVersion;
  axis: VariantAxis;
  plan: Plan;
  /** Ciphertext of both arrays. */
  bytes: number;
  encryptSeconds: number;
};

/**
 * Draws a cohort into PLINK files and encrypts them into a store: missing calls and a separately encrypted phenotype. Only
 * the encryption is timed, from the files on.
 * @param folder where the files go; they are read again by `checkCounts`
 * @param threads that encrypt
 */
export async function encryptCohort(
  samples: number,
  markers: number,
  folder: string,
  store: ObjectStore,
  threads: number,
  phenotype: Phenotype = "complete",
): Promise<EncryptedCohort> {
  const files = join(folder, "cohort");
  unwrap(await writePlink(files, randomSource(samples, markers)));
  const source = unwrap(await openPlink(files));
  const status: CaseControlTrait = {
    kind: "case-control",
    name: trait,
    status: Uint8Array.from(
      { length: samples },
      (_, s) => [phenotype === "complete" ? 2 : 0, 1, 1, 2, 2, 1, 2, 1][mix(s, 77) % 8] as number,
    ),
  };
  const key = await generateDatasetKey();
  let axis: VariantAxis | undefined;
  let bytes = 0;
  const from = performance.now();
  const dataset = unwrap(
    await encryptDataset({
      source,
      traits: [status],
      site: "bench",
      consentClass: ["DUO:0000042"],
      assembly: "GRCh38",
      rowsPadded: samples,
      key,
      sink: async ({ digest, sizeBytes }, object, label) => {
        unwrap(await store.put(objectKey(digest), object, { sizeBytes }));
        if (label === undefined) {
          axis = unwrap(parseVariantAxis(object));
          return;
        }
        bytes += sizeBytes;
        freeNow(object); // a sink owns what it is given
      },
      effectiveAt: 0,
      threads,
    }),
  );
  const encryptSeconds = (performance.now() - from) / 1e3;
  const plan = unwrap(
    planJob({ program: allelicAssociation, manifests: [dataset.manifest], params: { trait } }),
  );
  if (axis === undefined) throw new Error("an encryption stores the variants");
  return { samples, markers, phenotype, source, status, key, dataset, axis, plan, bytes, encryptSeconds };
}

/** Opens a result as its owner does and compares every count of every marker with plain arithmetic; throws where one differs. */
export async function checkCounts(
  { source, status, key, plan, axis, dataset }: EncryptedCohort,
  result: Uint8Array,
): Promise<{ openSeconds: number }> {
  const from = performance.now();
  const opened = unwrap(await openResult(plan, result, key));
  const table = unwrap(finalise(allelicAssociation, { trait }, opened, axis, dataset.ownerState));
  const openSeconds = (performance.now() - from) / 1e3;
  if (table.kind !== "assoc") throw new Error("not an association");
  const plain = unwrap(await plaintextAssoc(source, status));
  const names = ["caseA1", "caseCalled", "controlA1", "controlCalled", "totalA1", "totalCalled"] as const;
  const differs = (counts: VariantCounts, v: number) =>
    names.some((name) => counts[name] !== table.counts[v]?.[name]);
  const wrong = plain.findIndex(differs);
  if (wrong >= 0 || table.counts.length !== plain.length) throw new Error(`counts of marker ${wrong} differ`);
  return { openSeconds };
}

/** Calls in Hardy-Weinberg proportions at frequencies of their own, 1 % missing, drawn when they are read: no cohort lies in memory. */
function randomSource(people: number, markers: number): GenotypeSource {
  const contig = SPECIES.human.contigs[0];
  if (contig === undefined) throw new Error("people have chromosomes");
  return toSource({
    format: "plink",
    species: "human",
    hasFamilyIds: true,
    samples: Array.from({ length: people }, (_, s) => {
      const id = `B${s}`;
      return { familyId: id, id, sex: s % 2 === 0 ? "male" : "female", founder: true };
    }),
    variants: Array.from({ length: markers }, (_, v) => {
      const position = (1_000 * (v + 1)) as Variant["position"];
      return { contig, position, id: `rs${v}`, a1: "A", a2: "G" };
    }),
    notes: { splitRecords: 0, halfCalls: 0, haploidCalls: 0 },
    readCalls: async (firstVariant, count) => {
      const codes = new Uint8Array(count * people);
      for (let v = 0; v < count; v += 1)
        drawCalls(firstVariant + v, codes.subarray(v * people, (v + 1) * people));
      return ok({ firstVariant, count, samples: people, codes });
    },
    close: async () => {},
  });
}

function drawCalls(variant: number, codes: Uint8Array): void {
  const p = 0.02 + (0.48 * (mix(variant, 5) % 1_000)) / 1_000;
  const homA1 = 2 ** 32 * (0.01 + 0.99 * p * p);
  const het = homA1 + 2 ** 32 * 0.99 * 2 * p * (1 - p);
  for (let s = 0; s < codes.length; s += 1) {
    const drawn = mix(s, variant);
    codes[s] = drawn < 2 ** 32 * 0.01 ? MISSING : drawn < homA1 ? HOM_A1 : drawn < het ? HET : HOM_A2;
  }
}

/** Two numbers to one below 2^32, well mixed (the finaliser of MurmurHash3). */
function mix(a: number, b: number): number {
  let h = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca77);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
