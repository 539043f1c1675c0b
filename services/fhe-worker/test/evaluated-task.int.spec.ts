import { memorySource, readCiphertextList } from "@cos/fhe";
import { objectKey } from "@cos/objects";
import { openResult } from "@cos/programs";
import { asDigest, recoverTaskAttestation, unwrap } from "@cos/protocol";
import type { LogSink } from "@cos/service-host";
import { expect, it } from "vitest";
import { chainId, hex, jobId, workerScene } from "./worker-scene.ts";

const scene = workerScene();
const { startWorker, queue, lag, lease, put, read, taskIdOf, regionName } = scene;

it("evaluates, stores, attests, completes, and only then lets go of the message; the sums are right", async () => {
  const lines: string[] = [];
  const sink: LogSink = { stream: { write: (line: string) => void lines.push(line) }, flush: () => {} };
  const worker = await startWorker({ sink });
  const maps = scene.plan.tasks.filter((task) => task.kind === "evaluate");
  for (const { index } of maps) await queue(taskIdOf(index));
  await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(maps.length);
  await expect.poll(lag).toBe(0);
  for (const one of scene.orchestrator.told.completed) {
    const attestation = {
      permitId: jobId,
      taskId: asDigest(hex(one.taskId)),
      outputDigest: asDigest(hex(one.outputDigest)),
    };
    expect(recoverTaskAttestation(chainId, attestation, hex(one.signature))).toBe(
      worker.key.address.toLowerCase(),
    );
    expect(one.bytesRead).toBeGreaterThan(0n);
  }
  const partials = maps.map(({ index }) => {
    const one = scene.orchestrator.told.completed.find((each) => hex(each.taskId) === taskIdOf(index));
    return { digest: asDigest(hex(one!.outputDigest)), sizeBytes: Number(one!.sizeBytes) };
  });
  scene.script.begin = async ({ taskId }) => lease(hex(taskId), 9n, partials);
  await queue(taskIdOf(scene.plan.tasks.length - 1));
  await expect
    .poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 })
    .toBe(maps.length + 1);
  const result = await read(asDigest(hex(scene.orchestrator.told.completed.at(-1)!.outputDigest)));
  const list = unwrap(await readCiphertextList(memorySource(result)));
  const opened = unwrap(await openResult(scene.plan, list, scene.dataset.key));
  expect(Object.fromEntries(opened.sums)).toMatchObject(scene.dataset.expected);
  expect(hex(scene.orchestrator.told.announced[0]!.worker)).toBe(worker.key.address.toLowerCase());
  expect(scene.orchestrator.told.announced[0]!.regions).toEqual([regionName()]);
  const text = lines.join("");
  expect(text).toContain("task.completed");
  expect(text).not.toContain(worker.key.privateKey.slice(2));
}, 180_000);

it.each([
  [
    "a changed byte",
    (body: Uint8Array) => body.with(body.length - 1, body.at(-1)! ^ 1),
    "OBJECT_DIGEST_MISMATCH",
  ],
  ["a missing end", (body: Uint8Array) => body.slice(0, -7), "INPUT_TRUNCATED"],
])(
  "reports %s of an input as final",
  async (_, damage, code) => {
    const spec = scene.specOf(0);
    if (spec.task.kind !== "evaluate") throw new Error("the first task evaluates");
    const { digest } = spec.task.variantBlocks[0]!.blocks[0]!;
    const damaged = await put(damage(await read(digest))); // what a broken or hostile store gives out instead
    const url = await scene.objects.presignGet(objectKey(damaged), 60);
    scene.script.begin = async ({ taskId }) => {
      const answer = await lease(hex(taskId), 1n);
      const inputs = answer.inputs.map((input) => (hex(input.digest) === digest ? { ...input, url } : input));
      return { ...answer, inputs };
    };
    await startWorker();
    await queue(taskIdOf(0));
    await expect.poll(() => scene.orchestrator.told.failed.length, { timeout: 60_000 }).toBe(1);
    expect(scene.orchestrator.told.failed[0]).toMatchObject({ code, retryable: false });
    expect(scene.orchestrator.told.completed).toEqual([]);
    await expect.poll(lag).toBe(0);
  },
  90_000,
);
