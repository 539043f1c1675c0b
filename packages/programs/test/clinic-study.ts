import { generateDatasetKey } from "@cos/fhe";
import { type Manifest, parseVariantAxis, unwrap } from "@cos/protocol";
import { afterAll, beforeAll } from "vitest";
import {
  allelicAssociation,
  type DatasetVersion,
  EvaluationPool,
  encryptDataset,
  finalise,
  openResult,
  type Plan,
  type Program,
  planJob,
  recomputeResult,
} from "../src/index.ts";
import { listInMemory } from "./list-in-memory.ts";
import { memoryObjects } from "./memory-objects.ts";
import { tinyCohort } from "./tiny-cohort.ts";

type ClinicStudy = Awaited<ReturnType<typeof encryptClinic>>;

/** A study for the tests of one file, at whose top it is called: it sets the file's hooks. @returns the study, in a test */
export function clinicStudy(): () => ClinicStudy {
  let study: ClinicStudy;
  beforeAll(async () => {
    study = await encryptClinic();
  }, 180_000);
  afterAll(() => study?.pool.close());
  return () => study;
}

/** 130 people of one clinic with both traits, encrypted in memory, and the way from a version of them to a table. */
async function encryptClinic() {
  const cohort = tinyCohort(130);
  const store = memoryObjects();
  const key = await generateDatasetKey();
  const pool = new EvaluationPool(2);
  const dataset = unwrap(
    await encryptDataset({
      source: cohort.source,
      traits: [cohort.binary, cohort.quantitative],
      site: "clinic",
      consentClass: ["DUO:0000042"],
      assembly: "GRCh38",
      key,
      sink: store.sink,
      effectiveAt: 1_700_000_000,
      threads: 2,
    }),
  );

  async function compute(program: Program, version: DatasetVersion) {
    const plan = planOf(program, version.manifest);
    const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
    return { plan, bytes };
  }

  async function tableOf(program: Program, version: DatasetVersion) {
    const { plan, bytes } = await compute(program, version);
    const opened = unwrap(await openResult(plan, await listInMemory(bytes), key));
    const axis = unwrap(parseVariantAxis(await store.read(version.manifest.variantAxis.object)));
    return unwrap(finalise(program, paramsOf(program), opened, axis, version.ownerState));
  }

  return { cohort, store, key, pool, dataset, compute, tableOf };
}

const paramsOf = (program: Program) => ({ trait: program === allelicAssociation ? "affected" : "height" });

/** A program over a version, on the trait that it is for. */
export const planOf = (program: Program, manifest: Manifest): Plan =>
  unwrap(planJob({ program, manifests: [manifest], params: paramsOf(program) }));
