import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type DatasetKey, freeNow, generateDatasetKey, memorySource, readCiphertextList } from "@cos/fhe";
import {
  type Decimal,
  type GenotypeSource,
  HET,
  HOM_A1,
  HOM_A2,
  MISSING,
  openPlink,
  parseDecimal,
  plaintextAssoc,
  plaintextQassoc,
  SPECIES,
  type Trait,
  toSource,
  type Variant,
  writePlink,
} from "@cos/genomics";
import { type ObjectStore, objectKey } from "@cos/objects";
import {
  allelicAssociation,
  type DatasetVersion,
  encryptDataset,
  finalise,
  linearRegressionProgram,
  openResult,
  type Plan,
  type Program,
  planJob,
} from "@cos/programs";
import { ok, parseVariantAxis, unwrap, type VariantAxis } from "@cos/protocol";

const name = "trait";

/**
 * What is studied. `complete`, `incomplete`: an allelic test of a phenotype that is encrypted separately, and that everybody
 * has or one in eight lacks, so that cases and controls are a column each. `fixed`: the same test where the phenotype was
 * fixed at encryption, so that it is one sum. `quantity`: a linear regression, which one in eight lacks the value for.
 */
export const phenotypes = ["complete", "incomplete", "fixed", "quantity"] as const;
export type Phenotype = (typeof phenotypes)[number];

/** A made-up cohort, encrypted as `cos dataset encrypt` does it, and the plan of its study. */
export type EncryptedCohort = {
  samples: number;
  markers: number;
  phenotype: Phenotype;
  source: GenotypeSource;
  trait: Trait;
  program: Program;
  key: DatasetKey;
  dataset: DatasetVersion;
  axis: VariantAxis;
  plan: Plan;
  /** Ciphertext of all arrays. */
  bytes: number;
  encryptSeconds: number;
};

/**
 * Draws a cohort into PLINK files, missing calls included, and encrypts them into a store. Only the encryption is timed, from
 * the files on.
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
  const trait = drawTrait(samples, phenotype);
  const key = await generateDatasetKey();
  let axis: VariantAxis | undefined;
  let bytes = 0;
  const from = performance.now();
  const dataset = unwrap(
    await encryptDataset({
      source,
      traits: [trait],
      ...(phenotype === "fixed" ? { layouts: [], fixTraits: [name] } : {}),
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
  const program = phenotype === "quantity" ? linearRegressionProgram : allelicAssociation;
  const plan = unwrap(planJob({ program, manifests: [dataset.manifest], params: { trait: name } }));
  if (axis === undefined) throw new Error("an encryption stores the variants");
  const made = { source, trait, program, key, dataset, axis, plan, bytes, encryptSeconds };
  return { samples, markers, phenotype, ...made };
}

/** Opens a result as its owner does and compares every count or sum of every marker with plain arithmetic; throws where one differs. */
export async function checkCounts(cohort: EncryptedCohort, result: Uint8Array): Promise<void> {
  const { source, trait, program, key, plan, axis, dataset } = cohort;
  const list = unwrap(await readCiphertextList(memorySource(result)));
  const opened = unwrap(await openResult(plan, list, key));
  const table = unwrap(finalise(program, { trait: name }, opened, axis, dataset.ownerState));
  const found: readonly unknown[] = table.kind === "assoc" ? table.counts : table.sums;
  const plain: readonly unknown[] =
    trait.kind === "case-control"
      ? unwrap(await plaintextAssoc(source, trait))
      : unwrap(await plaintextQassoc(source, trait));
  const wrong = plain.findIndex((sums, v) => !isDeepStrictEqual(sums, found[v]));
  if (wrong >= 0 || found.length !== plain.length) throw new Error(`counts of marker ${wrong} differ`);
}

function drawTrait(people: number, phenotype: Phenotype): Trait {
  const drawn = Array.from({ length: people }, (_, s) => mix(s, 77) % 8);
  if (phenotype === "quantity") {
    const values = drawn.map((d, s) => (d === 0 ? null : hundredths(mix(s, 78) % 10_000)));
    return { kind: "quantitative", name, values };
  }
  const statuses = [phenotype === "incomplete" ? 0 : 2, 1, 1, 2, 2, 1, 2, 1];
  return { kind: "case-control", name, status: Uint8Array.from(drawn, (d) => statuses[d] as number) };
}

const hundredths = (count: number): Decimal => parseDecimal((count / 100).toFixed(2)) as Decimal;

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
