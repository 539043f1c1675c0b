import { type ByteSource, memorySource, openCiphertextList, writeCiphertextList } from "@cos/fhe";
import {
  asAddress,
  type Digest,
  digestOfBytes,
  digestOfJson,
  digestOfPieces,
  type JobDocument,
  joinPieces,
  manifestCommitment,
  type PermitId,
  paramsHashOf,
  type ResultBundle,
  resultCommitment,
  signTaskAttestation,
  statedPurposeHash,
  statePurpose,
  unwrap,
} from "@cos/protocol";
import { Wallet } from "ethers";
import { beforeAll, describe, expect, it } from "vitest";
import {
  algorithmIdOf,
  allelicAssociation,
  entriesOfPlan,
  linearRegressionProgram,
  openResult,
  type Plan,
  planDigestOf,
  recomputeResult,
  spotCheckTasks,
  taskIdOf,
  taskSpec,
  type VerifyRequest,
  verifyResult,
} from "../src/index.ts";
import { clinicStudy, planOf } from "./clinic-study.ts";

const study = clinicStudy();

const workers = ["11", "22", "33"].map((byte) => new Wallet(`0x${byte.repeat(32)}`));
const permitId = digestOfJson("permit") as PermitId;
const chainId = 31_337n;

/** What an operator hands over, and what the owner checks it by. */
type HandedOver = Omit<VerifyRequest, "result"> & { resultBytes: Uint8Array };
const verify = ({ resultBytes, ...request }: HandedOver) =>
  verifyResult({ ...request, result: memorySource(resultBytes) });

describe("verifyResult", () => {
  let request: HandedOver;
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

  async function requestFor(bytes: Uint8Array, outputs: Digest[]): Promise<HandedOver> {
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
        datasetRoots: [manifestCommitment(study().dataset.manifest)],
        resultCommitment: resultCommitment({ ...bundle, outputDigest: entries.digest }),
      },
      program: allelicAssociation,
      manifests: [study().dataset.manifest],
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
  async function forged(polynomial: number, fill: (target: Uint8Array) => void): Promise<HandedOver> {
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

  const codeOf = async (changed: HandedOver) => {
    const verified = await verify(changed);
    return verified.ok ? "verified" : verified.error.code;
  };

  beforeAll(async () => {
    const { store, pool, dataset } = study();
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

  it("passes an honest result, by replicas or by the owner's own computation", async () => {
    const ciphertexts = expect.objectContaining({ count: entriesOfPlan(plan).length });
    expect(await verify(request)).toEqual({ ok: true, value: { plan, planDigest, ciphertexts } });
    const outputDigest = digestOfBytes(request.resultBytes);
    expect(await codeOf({ ...request, assurance: { kind: "recomputed", outputDigest } })).toBe("verified");
    expect(
      await codeOf({ ...request, assurance: { kind: "recomputed", outputDigest: digestOfJson("x") } }),
    ).toBe("OUTPUT_DIGEST_MISMATCH");
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
    expect(await verify(result)).toEqual({
      ok: false,
      error: { code: "RESULT_TRANSPARENT", entry: 1, polynomial: 1 },
    });
  });

  it("refuses a zero c1, a zero c2 and residues that no prime allows", async () => {
    expect(await codeOf(await forged(1, (target) => target.fill(0)))).toBe("RESULT_TRANSPARENT");
    expect(await codeOf(await forged(2, (target) => target.fill(0)))).toBe("RESULT_TRANSPARENT");
    expect(await codeOf(await forged(0, (target) => target.fill(0xff)))).toBe("RESULT_MALFORMED");
  });

  it("refuses replicas that disagree, are too few, are one worker twice, or nobody's", async () => {
    const { bundle } = request;
    const withTask = (change: (task: ResultBundle["tasks"][number]) => void): HandedOver => {
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
    expect(await codeOf(withTask((t) => t.attestations.splice(1, 1, against)))).toBe("REPLICAS_DISAGREE");
    expect(await codeOf(withTask((t) => t.attestations.pop()))).toBe("REPLICAS_MISSING");
    expect(await codeOf(withTask((t) => t.attestations.splice(1, 1, t.attestations[0]!)))).toBe(
      "REPLICAS_MISSING",
    );
    expect(
      await codeOf(withTask((t) => Object.assign(t.attestations[1]!, { worker: t.attestations[0]!.worker }))),
    ).toBe("ATTESTATION_INVALID");
    expect(await codeOf({ ...request, bundle: { ...bundle, tasks: bundle.tasks.slice(1) } })).toBe(
      "REPLICAS_MISSING",
    );
    const strangers = { ...request.assurance, isWorker: () => false } as VerifyRequest["assurance"];
    expect(await codeOf({ ...request, assurance: strangers })).toBe("ATTESTATION_INVALID");
  });

  it("refuses what was made by another program, from other inputs, for another permit, or committed otherwise", async () => {
    const { permit, bundle } = request;
    const elsewhere = digestOfJson("elsewhere");
    expect(await codeOf({ ...request, program: linearRegressionProgram })).toBe("RESULT_OF_OTHER_PROGRAM");
    expect(
      await codeOf({
        ...request,
        bundle: { ...bundle, algorithmId: algorithmIdOf(linearRegressionProgram) },
      }),
    ).toBe("RESULT_OF_OTHER_PROGRAM");
    expect(await codeOf({ ...request, permit: { ...permit, datasetRoots: [elsewhere] } })).toBe(
      "RESULT_OF_OTHER_INPUTS",
    );
    expect(await codeOf({ ...request, bundle: { ...bundle, inputsRoot: elsewhere } })).toBe(
      "RESULT_OF_OTHER_INPUTS",
    );
    expect(await codeOf({ ...request, bundle: { ...bundle, contextDigest: elsewhere } })).toBe(
      "RESULT_OF_OTHER_CONTEXT",
    );
    expect(await codeOf({ ...request, bundle: { ...bundle, planDigest: elsewhere } })).toBe(
      "RESULT_OF_OTHER_PLAN",
    );
    expect(await codeOf({ ...request, permit: { ...permit, permitId: elsewhere as PermitId } })).toBe(
      "RESULT_OF_OTHER_PERMIT",
    );
    expect(await codeOf({ ...request, permit: { ...permit, resultCommitment: elsewhere } })).toBe(
      "COMMITMENT_MISMATCH",
    );
    expect(await codeOf({ ...request, permit: { ...permit, purposeHash: elsewhere } })).toBe(
      "PURPOSE_MISMATCH",
    );
    const withJob = (changed: JobDocument, terms = {}) =>
      codeOf({ ...request, permit: { ...permit, ...terms }, bundle: { ...bundle, job: changed } });
    const nobody = { ...job, params: { trait: "nobody" } };
    expect(await withJob(nobody)).toBe("PARAMS_MISMATCH");
    expect(await withJob(nobody, { paramsHash: paramsHashOf(nobody) })).toBe("PLAN_REFUSED");
  });

  it("refuses changed, truncated and re-ordered bytes", async () => {
    const { store, pool } = study();
    const changed = request.resultBytes.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
    expect(await codeOf({ ...request, resultBytes: changed })).toBe("OUTPUT_DIGEST_MISMATCH");
    const outputs = request.bundle.tasks.slice(0, -1).map((t) => t.outputDigest);
    expect(await codeOf(await requestFor(changed, outputs))).toBe("RESULT_MALFORMED");
    expect(await codeOf(await requestFor(request.resultBytes.subarray(0, 900), outputs))).toBe(
      "RESULT_MALFORMED",
    );
    const partial = joinPieces(unwrap(await pool.evaluate(taskSpec(plan, planDigest, 0), store.read)));
    expect(await codeOf(await requestFor(partial, outputs))).toBe("RESULT_STRUCTURE");
  });

  it("refuses a changed byte in header, record or payload, a missing end and bytes left over, even when committed", async () => {
    const outputs = request.bundle.tasks.slice(0, -1).map((t) => t.outputDigest);
    const { resultBytes } = request;
    const payloadsAt = resultBytes.length - plan.estimate.outputBytes;
    const committed = async (bytes: Uint8Array) => {
      const verified = await verify(await requestFor(bytes, outputs));
      return verified.ok ? "verified" : verified.error;
    };
    const malformed = (detail: string) => ({ code: "RESULT_MALFORMED", detail });
    for (const [at, detail] of [
      [0, "not this kind of container"],
      [16, "DIGEST_MISMATCH"], // the header's JSON
      [payloadsAt - 33, "DIGEST_MISMATCH"], // the last record
      [payloadsAt - 32, "DIGEST_MISMATCH"], // the seal
      [payloadsAt, "DIGEST_MISMATCH"], // the first ciphertext
    ] as const) {
      const changed = resultBytes.with(at, resultBytes[at]! ^ 1);
      expect(await committed(changed)).toEqual(malformed(detail));
      expect(await codeOf({ ...request, resultBytes: changed })).toBe("OUTPUT_DIGEST_MISMATCH");
    }
    expect(await committed(resultBytes.subarray(0, -1))).toEqual(malformed("CONTAINER_TRUNCATED"));
    const late = Buffer.concat([resultBytes, Buffer.of(0)]);
    expect(await committed(late)).toEqual(malformed("bytes after the last payload"));
  });

  it("reads every byte of a result once, from front to back, whether it is sound or not", async () => {
    const { resultBytes, ...rest } = request;
    const changed = resultBytes.with(20, resultBytes[20]! ^ 1); // refused by its header, hashed to its end
    for (const bytes of [resultBytes, changed]) {
      let readBytes = 0;
      const memory = memorySource(bytes);
      const result: ByteSource = {
        sizeBytes: bytes.length,
        read: async (first, length) => {
          expect(first).toBe(readBytes);
          readBytes += length;
          return memory.read(first, length);
        },
      };
      const verified = await verifyResult({ ...rest, result });
      expect(verified.ok).toBe(bytes === resultBytes);
      expect(readBytes).toBe(bytes.length);
    }
  });

  it("reads nothing of a result that is another permit's", async () => {
    const result: ByteSource = { sizeBytes: 1, read: () => Promise.reject(new Error("was read")) };
    const permit = { ...request.permit, permitId: digestOfJson("elsewhere") as PermitId };
    expect(await verifyResult({ ...request, permit, result })).toMatchObject({
      error: { code: "RESULT_OF_OTHER_PERMIT" },
    });
  });

  it("opens only what was checked: bytes that change in between never meet the key", async () => {
    const { resultBytes, ...rest } = request;
    const file = resultBytes.slice();
    let sizeBytes = file.length;
    const result: ByteSource = {
      sizeBytes,
      read: async (first, length) => file.slice(first, Math.min(sizeBytes, first + length)),
    };
    const { ciphertexts } = unwrap(await verifyResult({ ...rest, result }));
    const { key } = study();
    const open = () => openResult(plan, ciphertexts, key, 0, { threads: 1 });
    const honest = unwrap(await open());

    // Another whole list takes its place, sound by itself: c1 = 0 in its second entry, so that what opens is c0.
    const other = (await forged(1, (target) => target.fill(0))).resultBytes;
    expect(other.length).toBe(file.length);
    file.set(other);
    expect(await open()).toEqual({
      ok: false,
      error: { code: "DIGEST_MISMATCH", part: "record", index: 1 },
    });
    // Only the head is another: the one that was checked is kept.
    file.set(resultBytes);
    file.fill(0xff, 0, file.length - plan.estimate.outputBytes);
    expect(unwrap(await open())).toEqual(honest);
    sizeBytes -= 1;
    expect(await open()).toMatchObject({ error: { code: "CONTAINER_TRUNCATED" } });
  });

  it("finds a dishonest task by computing it again", async () => {
    const { store, pool } = study();
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
