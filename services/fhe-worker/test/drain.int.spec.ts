import { WorkerServiceService } from "@cos/proto/worker";
import { createGrpcClient } from "@cos/service-host";
import { Client, credentials } from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { expect, it } from "vitest";
import { hex, token, workerScene } from "./worker-scene.ts";

const scene = workerScene();
const { startWorker, queue, lag, lease, taskIdOf, regionName, holdOutputs } = scene;

it("drains: what computes finishes, what only waits is handed back, nothing further is taken", async () => {
  const { held, release } = holdOutputs();
  const { promise: mayBegin, resolve: letBegin } = Promise.withResolvers<void>();
  let begun = 0;
  scene.script.begin = async ({ taskId }) => {
    begun += 1;
    if (begun === 2) await mayBegin;
    return lease(hex(taskId), BigInt(begun));
  };
  const worker = await startWorker();
  const client = createGrpcClient(WorkerServiceService, worker.grpcAddress, { "cos-service-token": token });
  await queue(taskIdOf(0), 0);
  await expect.poll(() => held.length, { timeout: 60_000 }).toBe(1);
  await queue(taskIdOf(0), 1);
  await expect.poll(() => begun, { timeout: 60_000 }).toBe(2);
  expect(await client.getStatus({})).toMatchObject({ running: 2, draining: false, region: regionName() });
  await client.drain({});
  await expect.poll(() => scene.orchestrator.told.announced.at(-1)?.leaving, { timeout: 60_000 }).toBe(true);
  await queue(taskIdOf(0), 2);
  letBegin();
  await expect.poll(() => scene.orchestrator.told.released, { timeout: 60_000 }).toEqual([2n]);
  release();
  await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  expect(scene.orchestrator.told.completed[0]?.fence).toBe(1n);
  await expect
    .poll(() => client.getStatus({}), { timeout: 60_000 })
    .toMatchObject({ running: 0, done: 1n, draining: true });
  expect(begun).toBe(2);
  await expect.poll(lag, { timeout: 60_000 }).toBe(1);
  const stranger = createGrpcClient(WorkerServiceService, worker.grpcAddress);
  await expect(stranger.drain({})).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
  stranger.close();
  client.close();
}, 180_000);

it("hands back what still runs when a drain has lasted too long, and ends", async () => {
  const { held } = holdOutputs();
  const worker = await startWorker({ drainSeconds: 0 });
  await queue(taskIdOf(0));
  await expect.poll(() => held.length, { timeout: 60_000 }).toBe(1);
  await worker.stop();
  expect(scene.orchestrator.told.released).toEqual([1n]);
  expect(scene.orchestrator.told.failed).toEqual([]);
  expect(scene.orchestrator.told.completed).toEqual([]);
}, 180_000);

it("says what it can carry, and is healthy until it drains", async () => {
  const worker = await startWorker();
  await expect
    .poll(() => scene.orchestrator.told.announced[0], { timeout: 60_000 })
    .toMatchObject({
      capacity: 1,
      leaving: false,
    });
  const raw = new Client(worker.grpcAddress, credentials.createInsecure());
  const check = healthDefinition.Check!;
  const status = () =>
    new Promise((resolve, reject) =>
      raw.makeUnaryRequest(
        check.path,
        check.requestSerialize,
        check.responseDeserialize,
        { service: "" },
        (error, value) => (error ? reject(error) : resolve((value as { status: string }).status)),
      ),
    );
  expect(await status()).toBe("SERVING");
  const client = createGrpcClient(WorkerServiceService, worker.grpcAddress, { "cos-service-token": token });
  await client.drain({});
  await expect.poll(status).toBe("NOT_SERVING");
  raw.close();
  client.close();
}, 180_000);
