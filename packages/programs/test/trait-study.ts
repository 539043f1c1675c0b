import { type DatasetKey, generateDatasetKey } from "@cos/fhe";
import { parseVariantAxis, unwrap } from "@cos/protocol";
import { afterAll, beforeAll } from "vitest";
import {
  allelicAssociation,
  type DatasetVersion,
  EvaluationPool,
  finalise,
  openResult,
  planJob,
  recomputeResult,
} from "../src/index.ts";
import { listInMemory } from "./list-in-memory.ts";
import { memoryObjects } from "./memory-objects.ts";

/** A key, a store and threads for the tests of one file, at whose top it is called, and the way from datasets to counts. */
export function traitStudy() {
  const store = memoryObjects();
  let pool: EvaluationPool;
  let key: DatasetKey;
  beforeAll(async () => {
    pool = new EvaluationPool(2);
    key = await generateDatasetKey();
  });
  afterAll(() => pool.close());

  /** The plan of a case/control trait's test, and its opened counts. */
  async function tableOf({ manifest, ownerState }: DatasetVersion, trait: string) {
    const params = { trait };
    const plan = unwrap(planJob({ program: allelicAssociation, manifests: [manifest], params }));
    const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
    const sums = unwrap(await openResult(plan, await listInMemory(bytes), key, 0, { threads: 1 }));
    const axis = unwrap(parseVariantAxis(await store.read(manifest.variantAxis.object)));
    const table = unwrap(finalise(allelicAssociation, params, sums, axis, ownerState));
    return { plan, counts: table.kind === "assoc" ? table.counts : [] };
  }

  return { store, key: () => key, tableOf };
}
