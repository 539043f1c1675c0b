import {
  type DatasetKey,
  generateDatasetKey,
  openBlock,
  openCiphertextList,
  writeCiphertextList,
} from "@cos/fhe";
import { plaintextAssoc, plaintextQassoc } from "@cos/genomics";
import {
  asAddress,
  checkManifest,
  type Digest,
  digestOfBytes,
  digestOfJson,
  digestOfPieces,
  type JobDocument,
  joinPieces,
  type Manifest,
  manifestBytes,
  manifestCommitment,
  type ObjectRef,
  type PermitId,
  paramsHashOf,
  parseVariantAxis,
  type ResultBundle,
  resultCommitment,
  rowsOf,
  signTaskAttestation,
  statedPurposeHash,
  statePurpose,
  unwrap,
} from "@cos/protocol";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addTrait,
  algorithmIdOf,
  allelicAssociation,
  appendSegment,
  type DatasetVersion,
  EvaluationPool,
  effectiveCohort,
  encryptDataset,
  finalise,
  fromRecoveryKit,
  groupSizes,
  linearRegressionProgram,
  objectsOf,
  openResult,
  type Plan,
  type Program,
  parseOwnerState,
  parseTaskSpec,
  planDigestOf,
  planJob,
  type ReadObject,
  recomputeResult,
  type SharedMemory,
  spotCheckTasks,
  taskIdOf,
  taskSpec,
  taskSpecBytes,
  toRecoveryKit,
  type VerifyRequest,
  verifyResult,
  withdrawRows,
} from "../src/index.ts";
import { memoryObjects } from "./memory-objects.ts";
import { type TinyCohort, tinyCohort } from "./tiny-cohort.ts";

const people = 130;
const store = memoryObjects();
const workers = ["11", "22", "33"].map((byte) => new Wallet(`0x${byte.repeat(32)}`));
const permitId = digestOfJson("permit") as PermitId;
const chainId = 31_337n;

let cohort: TinyCohort;
let key: DatasetKey;
let pool: EvaluationPool;
let dataset: DatasetVersion;

beforeAll(async () => {
  cohort = tinyCohort(people);
  key = await generateDatasetKey();
  pool = new EvaluationPool(2);
  dataset = unwrap(
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
}, 180_000);

afterAll(() => pool.close());

const paramsOf = (program: Program) => ({ trait: program === allelicAssociation ? "affected" : "height" });
const planOf = (program: Program, manifest: Manifest): Plan =>
  unwrap(planJob({ program, manifests: [manifest], params: paramsOf(program) }));

async function compute(program: Program, version: DatasetVersion) {
  const plan = planOf(program, version.manifest);
  const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
  return { plan, bytes };
}

async function tableOf(program: Program, version: DatasetVersion) {
  const { plan, bytes } = await compute(program, version);
  const opened = unwrap(await openResult(plan, bytes, key));
  const axis = unwrap(parseVariantAxis(await store.read(version.manifest.variantAxis.object)));
  return unwrap(finalise(program, paramsOf(program), opened, axis, version.ownerState));
}

describe("an encrypted study", () => {
  it("counts alleles exactly as plain arithmetic does, missing calls, men's X and missing traits included", async () => {
    const table = await tableOf(allelicAssociation, dataset);
    expect(table.kind === "assoc" && table.counts).toEqual(
      unwrap(await plaintextAssoc(cohort.source, cohort.binary)),
    );
  });

  it("sums a quantity to its last decimal", async () => {
    const table = await tableOf(linearRegressionProgram, dataset);
    const plain = unwrap(await plaintextQassoc(cohort.source, cohort.quantitative));
    expect(table.kind === "qassoc" && table.sums).toEqual(plain);
  });

  it("publishes no name, no count of people and no value", () => {
    const { manifest, ownerState } = dataset;
    expect(checkManifest(JSON.parse(JSON.stringify(manifest))).ok).toBe(true);
    const text = new TextDecoder().decode(manifestBytes(manifest));
    expect(text).not.toContain("FP1");
    expect(manifest.segments[0]?.rowsPadded).toBe(150);
    expect(text).not.toMatch(/\b130\b/);
    const measured = cohort.quantitative.values.filter((v) => v !== null);
    for (const value of measured) expect(text).not.toContain(String(value.digits));
    expect(parseOwnerState(JSON.parse(JSON.stringify(ownerState)))).toEqual({ ok: true, value: ownerState });
  });

  it("hides who sits in which row, afresh each time", async () => {
    const rows = dataset.ownerState.segments.s1?.people.map(([, , row]) => row) as number[];
    expect(new Set(rows).size).toBe(people);
    expect(Math.max(...rows)).toBeLessThan(150);
    const order = dataset.ownerState.segments.s1?.people.map(([, id]) => id);
    expect(order).not.toEqual(cohort.source.samples.map((s) => s.id));
    expect(groupSizes(dataset.manifest, dataset.ownerState, "affected", ["s1"])).toEqual([
      cohort.binary.status.filter((s) => s === 2).length,
      cohort.binary.status.filter((s) => s === 1).length,
    ]);
  });

  it("is opened on an empty machine by what the recovery kit holds", async () => {
    const kit = toRecoveryKit({
      key,
      ownerState: dataset.ownerState,
      manifestCommitment: manifestCommitment(dataset.manifest),
      createdAt: 1_700_000_000,
    });
    const copied = JSON.parse(JSON.stringify(kit));
    const restored = unwrap(await fromRecoveryKit(copied));
    const { plan, bytes } = await compute(allelicAssociation, dataset);
    const [before, after] = [
      unwrap(await openResult(plan, bytes, key)),
      unwrap(await openResult(plan, bytes, restored.key, 0, { threads: 1 })),
    ];
    expect(after).toEqual(before);
    expect(restored.ownerState).toEqual(dataset.ownerState);
    const foreign = { ...copied, contextDigest: digestOfJson("another") };
    expect(await fromRecoveryKit(foreign)).toMatchObject({ error: { code: "RECOVERY_KIT_INCONSISTENT" } });
    expect(await fromRecoveryKit({ ...copied, key: "AAAA" })).toMatchObject({
      error: { code: "KEY_MALFORMED" },
    });
    expect(await fromRecoveryKit({ ...copied, extra: 1 })).toMatchObject({
      error: { code: "RECOVERY_KIT_MALFORMED" },
    });
  });

  it("gives the same bytes on one thread, on two, from another pool, and with either engine", async () => {
    const plan = planOf(linearRegressionProgram, dataset.manifest);
    const spec = taskSpec(plan, planDigestOf(plan), 0);
    const other = new EvaluationPool(1, "wasm");
    const outputs = [
      await pool.evaluate(spec, store.read),
      await pool.evaluate(spec, store.read, { spread: 2 }),
      await other.evaluate(unwrap(parseTaskSpec(taskSpecBytes(spec))), store.read),
    ];
    await other.close();
    expect(new Set(outputs.map((o) => digestOfPieces(unwrap(o)))).size).toBe(1);
  });

  it("gives the same bytes through shared memory, and all of it back but for the output's", async () => {
    const plan = planOf(allelicAssociation, dataset.manifest);
    const planDigest = planDigestOf(plan);
    let held = 0;
    const memory: SharedMemory = {
      take: (bytes) => {
        held += 1;
        return new Uint8Array(new SharedArrayBuffer(bytes + 64), 0, bytes);
      },
      give: (buffer) => {
        held -= 1;
        new Uint8Array(buffer).fill(0xee); // whoever still looked at it would see this
      },
    };
    const shared = async (ref: ObjectRef, read: ReadObject) => {
      const bytes = await read(ref);
      const copy = memory.take(bytes.length);
      copy.set(bytes);
      return copy;
    };
    const partials = new Map<Digest, Uint8Array>();
    for (const { index } of plan.tasks.slice(0, -1)) {
      const spec = taskSpec(plan, planDigest, index);
      const output = unwrap(await pool.evaluate(spec, (ref) => shared(ref, store.read), { memory }));
      expect(held).toBe(1);
      const bytes = joinPieces(output);
      for (const buffer of new Set(output.map((piece) => piece.buffer))) {
        if (buffer instanceof SharedArrayBuffer) memory.give(buffer);
      }
      expect(held).toBe(0);
      expect(digestOfBytes(bytes)).toBe(digestOfPieces(unwrap(await pool.evaluate(spec, store.read))));
      partials.set(digestOfBytes(bytes), bytes);
    }
    const inputs = [...partials].map(([digest, bytes]) => ({ digest, sizeBytes: bytes.length }));
    const last = taskSpec(plan, planDigest, plan.tasks.length - 1);
    const readPartial = async ({ digest }: ObjectRef) => partials.get(digest) as Uint8Array;
    const result = await pool.reduce(last, inputs, (ref) => shared(ref, readPartial), { memory });
    expect(held).toBe(0);
    const { outputDigest } = unwrap(await recomputeResult(pool, plan, store.read));
    expect(digestOfPieces(unwrap(result))).toBe(outputDigest);
  });

  it("takes no task whose numbers point nowhere", () => {
    const plan = planOf(allelicAssociation, dataset.manifest);
    const spec = taskSpec(plan, planDigestOf(plan), 0);
    for (const change of [
      (s: typeof spec) => s.contractions.pop(),
      (s: typeof spec) => s.contexts.pop(),
      (s: typeof spec) => s.task.kind === "evaluate" && s.task.variantBlocks[0]?.blocks.pop(),
      (s: typeof spec) =>
        s.task.kind === "evaluate" && s.task.rowBlocks[0]?.pieces.push({ run: 0, first: 149, count: 2 }),
    ]) {
      const bad = structuredClone(spec);
      change(bad);
      expect(parseTaskSpec(taskSpecBytes(bad))).toMatchObject({ error: { code: "TASK_MALFORMED" } });
    }
  });

  it("stops when told to", async () => {
    const plan = planOf(linearRegressionProgram, dataset.manifest);
    const abort = new AbortController();
    const running = pool.evaluate(taskSpec(plan, planDigestOf(plan), 0), store.read, {
      signal: abort.signal,
    });
    abort.abort();
    expect(await running).toEqual({ ok: false, error: { code: "CANCELLED" } });
  });

  it("refuses tampered, swapped and foreign blocks while evaluating", async () => {
    const plan = planOf(allelicAssociation, dataset.manifest);
    const spec = taskSpec(plan, planDigestOf(plan), 0);
    const run = async (change: (ref: ObjectRef, bytes: Uint8Array) => Uint8Array) =>
      pool.evaluate(spec, async (ref) => change(ref, (await store.read(ref)).slice()));
    const tampered = await run((_, bytes) => bytes.fill(7, bytes.length - 3));
    expect(tampered).toMatchObject({ error: { code: "OBJECT_DIGEST_MISMATCH" } });
    const truncated = await run((_, bytes) => bytes.subarray(0, 1_000));
    expect(truncated).toMatchObject({ error: { code: "OBJECT_DIGEST_MISMATCH" } });

    const foreign = structuredClone(spec);
    foreign.contexts[0]!.contextDigest = digestOfJson("another context");
    expect(await pool.evaluate(foreign, store.read)).toMatchObject({ error: { code: "CONTEXT_MISMATCH" } });

    const swapped = structuredClone(spec);
    if (swapped.task.kind !== "evaluate") throw new Error("first task evaluates");
    const [a, b] = swapped.task.variantBlocks;
    [a!.blocks, b!.blocks] = [b!.blocks, a!.blocks];
    expect(await pool.evaluate(swapped, store.read)).toMatchObject({
      error: { code: "CONTAINER_MALFORMED" },
    });
  });
});

describe("encryptDataset", () => {
  const small = tinyCohort(12, 7, "S");
  const request = {
    source: small.source,
    traits: [small.binary],
    site: "clinic",
    consentClass: ["DUO:0000042"],
    assembly: "GRCh38",
    sink: store.sink,
    effectiveAt: 0,
    threads: 1,
  };
  const codeOf = async (changes: Partial<typeof request> & { rowsPadded?: number }) => {
    const encrypted = await encryptDataset({ ...request, key, ...changes });
    return encrypted.ok ? "encrypted" : encrypted.error.code;
  };

  it("says what a dataset cannot be before it encrypts anything", async () => {
    const count = store.objects.size;
    expect(await codeOf({ rowsPadded: 11 })).toBe("ROW_PADDING_TOO_SMALL");
    expect(await codeOf({ traits: [{ ...small.binary, name: "a b" }] })).toBe("TRAIT_NAME_UNSUPPORTED");
    expect(await codeOf({ traits: [small.binary, small.binary] })).toBe("TRAIT_TWICE");
    expect(await codeOf({ traits: [{ ...small.binary, status: Uint8Array.of(1, 2) }] })).toBe(
      "TRAIT_MISMATCH",
    );
    expect(await codeOf({ site: "../../etc" })).toBe("MANIFEST_MALFORMED");
    expect(await codeOf({ consentClass: ["anything"] })).toBe("MANIFEST_MALFORMED");
    const variants = small.source.variants.map((v, i) => (i === 4 ? { ...v, a1: "A".repeat(10_001) } : v));
    expect(await codeOf({ source: { ...small.source, variants } })).toBe("VARIANT_UNSUPPORTED");
    expect(store.objects.size - count).toBeLessThanOrEqual(1); // the variant axis, at most
  });

  it("draws other rows and other ciphertexts each time", async () => {
    const [a, b] = [
      unwrap(await encryptDataset({ ...request, key })),
      unwrap(await encryptDataset({ ...request, key })),
    ];
    expect(a.ownerState.segments.s1?.people).not.toEqual(b.ownerState.segments.s1?.people);
    const digests = (v: DatasetVersion) =>
      objectsOf(v.manifest)
        .slice(1)
        .map((o) => o.digest);
    expect(digests(a).filter((d) => digests(b).includes(d))).toEqual([]);
  });
});

describe("new people, new traits, withdrawals", () => {
  it("appends a segment that is counted with the first", async () => {
    const more = tinyCohort(40, 2, "Q");
    const appended = unwrap(
      await appendSegment(dataset, {
        source: more.source,
        traits: [more.binary],
        site: "clinic",
        consentClass: ["DUO:0000042"],
        key,
        sink: store.sink,
        effectiveAt: 1_700_000_100,
        threads: 2,
      }),
    );
    expect(appended.manifest.version).toMatchObject({ n: 2, parent: manifestCommitment(dataset.manifest) });
    expect(appended.manifest.segments[1]).toMatchObject({
      id: "s2",
      firstRow: 150,
      rowsPadded: 50,
      addedIn: 2,
    });
    const table = await tableOf(allelicAssociation, appended);
    const [before, added] = [
      unwrap(await plaintextAssoc(cohort.source, cohort.binary)),
      unwrap(await plaintextAssoc(more.source, more.binary)),
    ];
    const keys = Object.keys(before[0]!) as (keyof (typeof before)[number])[];
    const expected = before.map((c, v) => Object.fromEntries(keys.map((k) => [k, c[k] + added[v]![k]])));
    expect(table.kind === "assoc" && table.counts).toEqual(expected);
  });

  it("refuses people who were typed elsewhere on the genome, and another key", async () => {
    const other = tinyCohort(10, 3, "R");
    const request = {
      source: { ...other.source, variants: [...other.source.variants].reverse() },
      traits: [],
      site: "clinic",
      consentClass: ["DUO:0000042"],
      key,
      sink: store.sink,
      effectiveAt: 0,
    };
    expect(await appendSegment(dataset, request)).toMatchObject({ error: { code: "VARIANT_AXIS_MISMATCH" } });
    const stranger = await generateDatasetKey();
    expect(await appendSegment(dataset, { ...request, key: stranger })).toMatchObject({
      error: { code: "CONTEXT_MISMATCH" },
    });
  });

  it("withdraws people: rows gone from every object, counts as without them, others untouched", async () => {
    const leaving = ["P3", "P64", "P129"];
    const withdrawn = unwrap(
      await withdrawRows(dataset, { people: leaving, read: store.read, sink: store.sink, effectiveAt: 2 }),
    );
    const { manifest } = withdrawn;
    expect(checkManifest(JSON.parse(JSON.stringify(manifest))).ok).toBe(true);
    expect(manifest.version).toMatchObject({ n: 2, reason: "withdraw" });
    expect(rowsOf(manifest.segments[0]!.deletedRows)).toEqual(withdrawn.rows);
    const still = new Set(objectsOf(manifest).map((o) => o.digest));
    expect(withdrawn.obsolete.every((o) => !still.has(o.digest))).toBe(true);
    for (const object of objectsOf(manifest).slice(1)) {
      const block = unwrap(openBlock(await store.read(object)));
      expect([...block.streamIndexes].some((row) => withdrawn.rows.includes(row))).toBe(false);
    }

    const status = cohort.binary.status.slice();
    const kept = { ...cohort.source };
    kept.readCalls = async (first, count) => {
      const calls = unwrap(await cohort.source.readCalls(first, count));
      const codes = calls.codes.slice();
      for (const [s, sample] of cohort.source.samples.entries()) {
        if (!leaving.includes(sample.id)) continue;
        for (let v = 0; v < count; v += 1) codes[v * calls.samples + s] = 1; // no call: adds to no count
      }
      return { ok: true, value: { ...calls, codes } };
    };
    const expected = unwrap(await plaintextAssoc(kept, { ...cohort.binary, status }));
    const table = await tableOf(allelicAssociation, withdrawn);
    expect(table.kind === "assoc" && table.counts).toEqual(expected);

    const cohortOf = (v: DatasetVersion) =>
      effectiveCohort(v.manifest, v.ownerState, "height", ["s1"]).length;
    expect(cohortOf(dataset) - cohortOf(withdrawn)).toBeGreaterThan(0);
    expect(
      await withdrawRows(withdrawn, { people: leaving, read: store.read, sink: store.sink, effectiveAt: 3 }),
    ).toEqual({ ok: false, error: { code: "SAMPLE_UNKNOWN", unknown: 3 } });
  });

  it("adds a trait without touching genotypes, deleted rows staying away", async () => {
    const withdrawn = unwrap(
      await withdrawRows(dataset, { people: ["P5"], read: store.read, sink: store.sink, effectiveAt: 2 }),
    );
    const trait = {
      ...cohort.binary,
      name: "second",
      status: cohort.binary.status.map((s) => (s === 0 ? 0 : 3 - s)),
    };
    const added = unwrap(
      await addTrait(withdrawn, {
        trait,
        people: cohort.source.samples,
        key,
        sink: store.sink,
        effectiveAt: 3,
        threads: 1,
      }),
    );
    const arraysOf = (v: DatasetVersion) => v.manifest.arrays.filter((a) => a.trait === undefined);
    expect(arraysOf(added)).toEqual(arraysOf(withdrawn));
    const plan = unwrap(
      planJob({ program: allelicAssociation, manifests: [added.manifest], params: { trait: "second" } }),
    );
    const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
    const opened = unwrap(await openResult(plan, bytes, key));
    const first = await tableOf(allelicAssociation, withdrawn);
    if (first.kind !== "assoc") throw new Error("counts");
    expect(opened.sums.get("caseAlleles")?.map(Number)).toEqual(first.counts.map((c) => c.controlA1));
    expect(await addTrait(added, { trait, people: [], key, sink: store.sink, effectiveAt: 4 })).toMatchObject(
      {
        error: { code: "TRAIT_MISMATCH" },
      },
    );
  });
});

describe("verifyResult", () => {
  let request: VerifyRequest;
  let plan: Plan;
  let planDigest: Digest;

  /** What an honest operator hands over: two workers' signatures on every task. */
  async function bundleOf(
    outputs: Digest[],
    signers = [workers[0]!, workers[1]!],
  ): Promise<ResultBundle["tasks"]> {
    return Promise.all(
      outputs.map(async (outputDigest, index) => {
        const taskId = taskIdOf(planDigest, index);
        const attestations = signers.map(async (wallet) => ({
          worker: asAddress(wallet.address),
          outputDigest,
          signature: await signTaskAttestation(wallet, chainId, { permitId, taskId, outputDigest }),
        }));
        return { taskId, outputDigest, attestations: await Promise.all(attestations) };
      }),
    );
  }

  const job: JobDocument = {
    format: "cos-job/1",
    params: { trait: "affected" },
    purpose: statePurpose({ duo: ["DUO:0000042"], statement: "which loci?" }),
  };

  async function requestFor(bytes: Uint8Array, outputs: Digest[]): Promise<VerifyRequest> {
    const entries = { digest: digestOfBytes(bytes), sizeBytes: bytes.length };
    const algorithmId = algorithmIdOf(allelicAssociation);
    const { inputsRoot, contextDigest } = plan;
    const bundle: ResultBundle = {
      format: "cos-result-bundle/1",
      permitId,
      algorithmId,
      planDigest,
      inputsRoot,
      contextDigest,
      job,
      entries,
      tasks: await bundleOf([...outputs, entries.digest]),
    };
    return {
      permit: {
        permitId,
        algorithmId,
        paramsHash: paramsHashOf(job),
        purposeHash: statedPurposeHash(job.purpose),
        datasetRoots: [manifestCommitment(dataset.manifest)],
        resultCommitment: resultCommitment({ ...bundle, outputDigest: entries.digest }),
      },
      program: allelicAssociation,
      manifests: [dataset.manifest],
      bundle,
      resultBytes: bytes,
      assurance: {
        kind: "replicas",
        chainId,
        minReplicas: 2,
        isWorker: (address) => workers.some((w) => asAddress(w.address) === address),
      },
    };
  }

  /** The same result with one entry's polynomial replaced, and every digest, signature and commitment made to fit. */
  async function forged(polynomial: number, fill: (target: Uint8Array) => void): Promise<VerifyRequest> {
    const list = unwrap(openCiphertextList(request.resultBytes));
    const entries = Array.from({ length: list.count }, (_, i) => {
      const packed = unwrap(list.packed(i)).slice();
      const { degree } = list.describe(i);
      const size = packed.length / (degree + 1);
      if (i === 1) fill(packed.subarray(polynomial * size, (polynomial + 1) * size));
      return { ...list.describe(i), packed };
    });
    const { format: _, ...header } = list.header;
    return requestFor(
      writeCiphertextList(header, entries),
      request.bundle.tasks.slice(0, -1).map((t) => t.outputDigest),
    );
  }

  const codeOf = (changed: VerifyRequest) => {
    const verified = verifyResult(changed);
    return verified.ok ? "verified" : verified.error.code;
  };

  beforeAll(async () => {
    plan = planOf(allelicAssociation, dataset.manifest);
    planDigest = planDigestOf(plan);
    const outputs: Digest[] = [];
    for (const task of plan.tasks.slice(0, -1)) {
      const output = unwrap(await pool.evaluate(taskSpec(plan, planDigest, task.index), store.read));
      outputs.push(digestOfPieces(output));
    }
    const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
    request = await requestFor(bytes, outputs);
  }, 180_000);

  it("passes an honest result, by replicas or by the owner's own computation", () => {
    expect(verifyResult(request)).toEqual({ ok: true, value: { plan, planDigest } });
    const outputDigest = digestOfBytes(request.resultBytes);
    expect(codeOf({ ...request, assurance: { kind: "recomputed", outputDigest } })).toBe("verified");
    expect(codeOf({ ...request, assurance: { kind: "recomputed", outputDigest: digestOfJson("x") } })).toBe(
      "OUTPUT_DIGEST_MISMATCH",
    );
  });

  it("refuses c1 = 1 with a plausible c0, although commitment and signatures fit", async () => {
    // All residues of the constant polynomial 1 are 1 in NTT form; packed, each takes 50 bits.
    const one = (target: Uint8Array) => {
      target.fill(0);
      for (let i = 0; i < 2048; i += 1)
        target[(i * 50) >> 3] = (target[(i * 50) >> 3] as number) | (1 << ((i * 50) & 7));
    };
    const result = await forged(1, one);
    expect(result.resultBytes.length).toBe(request.resultBytes.length);
    expect(verifyResult(result)).toEqual({
      ok: false,
      error: { code: "RESULT_TRANSPARENT", entry: 1, polynomial: 1 },
    });
  });

  it("refuses a zero c1, a zero c2 and residues that no prime allows", async () => {
    expect(codeOf(await forged(1, (target) => target.fill(0)))).toBe("RESULT_TRANSPARENT");
    expect(codeOf(await forged(2, (target) => target.fill(0)))).toBe("RESULT_TRANSPARENT");
    expect(codeOf(await forged(0, (target) => target.fill(0xff)))).toBe("RESULT_MALFORMED");
  });

  it("refuses replicas that disagree, are too few, are one worker twice, or nobody's", async () => {
    const { bundle } = request;
    const withTask = (change: (task: ResultBundle["tasks"][number]) => void): VerifyRequest => {
      const tasks = structuredClone(bundle.tasks);
      change(tasks[0]!);
      return { ...request, bundle: { ...bundle, tasks } };
    };
    const taskId = bundle.tasks[0]!.taskId;
    const other = digestOfJson("other output");
    const disagreeing = await signTaskAttestation(workers[1]!, chainId, {
      permitId,
      taskId,
      outputDigest: other,
    });
    const against = { worker: asAddress(workers[1]!.address), outputDigest: other, signature: disagreeing };
    expect(codeOf(withTask((t) => t.attestations.splice(1, 1, against)))).toBe("REPLICAS_DISAGREE");
    expect(codeOf(withTask((t) => t.attestations.pop()))).toBe("REPLICAS_MISSING");
    expect(codeOf(withTask((t) => t.attestations.splice(1, 1, t.attestations[0]!)))).toBe("REPLICAS_MISSING");
    expect(
      codeOf(withTask((t) => Object.assign(t.attestations[1]!, { worker: t.attestations[0]!.worker }))),
    ).toBe("ATTESTATION_INVALID");
    expect(codeOf({ ...request, bundle: { ...bundle, tasks: bundle.tasks.slice(1) } })).toBe(
      "REPLICAS_MISSING",
    );
    const strangers = { ...request.assurance, isWorker: () => false } as VerifyRequest["assurance"];
    expect(codeOf({ ...request, assurance: strangers })).toBe("ATTESTATION_INVALID");
  });

  it("refuses what was made by another program, from other inputs, for another permit, or committed otherwise", () => {
    const { permit, bundle } = request;
    const elsewhere = digestOfJson("elsewhere");
    expect(codeOf({ ...request, program: linearRegressionProgram })).toBe("RESULT_OF_OTHER_PROGRAM");
    expect(
      codeOf({ ...request, bundle: { ...bundle, algorithmId: algorithmIdOf(linearRegressionProgram) } }),
    ).toBe("RESULT_OF_OTHER_PROGRAM");
    expect(codeOf({ ...request, permit: { ...permit, datasetRoots: [elsewhere] } })).toBe(
      "RESULT_OF_OTHER_INPUTS",
    );
    expect(codeOf({ ...request, bundle: { ...bundle, inputsRoot: elsewhere } })).toBe(
      "RESULT_OF_OTHER_INPUTS",
    );
    expect(codeOf({ ...request, bundle: { ...bundle, contextDigest: elsewhere } })).toBe(
      "RESULT_OF_OTHER_CONTEXT",
    );
    expect(codeOf({ ...request, bundle: { ...bundle, planDigest: elsewhere } })).toBe("RESULT_OF_OTHER_PLAN");
    expect(codeOf({ ...request, permit: { ...permit, permitId: elsewhere as PermitId } })).toBe(
      "RESULT_OF_OTHER_PERMIT",
    );
    expect(codeOf({ ...request, permit: { ...permit, resultCommitment: elsewhere } })).toBe(
      "COMMITMENT_MISMATCH",
    );
    expect(codeOf({ ...request, permit: { ...permit, purposeHash: elsewhere } })).toBe("PURPOSE_MISMATCH");
    const withJob = (changed: JobDocument, terms = {}) =>
      codeOf({ ...request, permit: { ...permit, ...terms }, bundle: { ...bundle, job: changed } });
    const nobody = { ...job, params: { trait: "nobody" } };
    expect(withJob(nobody)).toBe("PARAMS_MISMATCH");
    expect(withJob(nobody, { paramsHash: paramsHashOf(nobody) })).toBe("PLAN_REFUSED");
  });

  it("refuses changed, truncated and re-ordered bytes", async () => {
    const changed = request.resultBytes.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
    expect(codeOf({ ...request, resultBytes: changed })).toBe("OUTPUT_DIGEST_MISMATCH");
    const outputs = request.bundle.tasks.slice(0, -1).map((t) => t.outputDigest);
    expect(codeOf(await requestFor(changed, outputs))).toBe("RESULT_MALFORMED");
    expect(codeOf(await requestFor(request.resultBytes.subarray(0, 900), outputs))).toBe("RESULT_MALFORMED");
    const partial = joinPieces(unwrap(await pool.evaluate(taskSpec(plan, planDigest, 0), store.read)));
    expect(codeOf(await requestFor(partial, outputs))).toBe("RESULT_STRUCTURE");
  });

  it("finds a dishonest task by computing it again", async () => {
    const claimed = (task: number) => request.bundle.tasks[task]!.outputDigest;
    expect(await spotCheckTasks(pool, plan, [0], claimed, store.read)).toEqual({ ok: true, value: null });
    expect(await spotCheckTasks(pool, plan, [0], () => digestOfJson("lie"), store.read)).toMatchObject({
      error: { code: "TASK_OUTPUT_MISMATCH", task: 0 },
    });
  });

  it("has results of the size that the plan states", () => {
    const headers = request.resultBytes.length - plan.estimate.outputBytes;
    expect(headers).toBeGreaterThan(0);
    expect(headers).toBeLessThan(10_000);
  });
});
