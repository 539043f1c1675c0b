import { openKafkaLog } from "@cos/messaging";
import { RpcFault } from "@cos/service-host";
import { realPart } from "@cos/testkit";
import { taskEvents } from "@cos/topics";
import { expect, it } from "vitest";
import { Decision } from "./orchestrator-stand-in.ts";
import { hex, workerScene } from "./worker-scene.ts";

const scene = workerScene();
const { startWorker, queue, lag, lease, taskIdOf, regionName, holdOutputs } = scene;

it("stops within two seconds when its job is over, and takes the next task", async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let over = false;
  let tookNextAt = 0;
  const honest = scene.script.outputUrl;
  scene.script.wanted = (fence) => fence !== 1n || !over;
  scene.script.outputUrl = async (digest, sizeBytes) => {
    if (over) return honest(digest, sizeBytes);
    reach();
    return "http://127.0.0.1:9/never"; // nobody listens: the worker tries again and again until it is told to stop
  };
  scene.script.begin = async ({ taskId }) => {
    if (over) tookNextAt = performance.now();
    return lease(hex(taskId), over ? 2n : 1n);
  };
  await startWorker();
  await queue(taskIdOf(0), 0);
  await queue(taskIdOf(0), 0); // behind it on the same partition
  await reached;
  over = true;
  const overAt = performance.now();
  await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  expect(scene.orchestrator.told.completed[0]!.fence).toBe(2n);
  expect(tookNextAt - overAt).toBeLessThan(2_000);
  expect(scene.orchestrator.told.failed).toEqual([]);
}, 180_000);

it("leaves a task to its new holder when its fence is stale", async () => {
  scene.orchestrator.stale.add(1n);
  await startWorker();
  await queue(taskIdOf(0));
  await expect.poll(lag, { timeout: 60_000 }).toBe(0);
  expect(scene.orchestrator.told.completed).toEqual([]);
  expect(scene.orchestrator.told.failed).toEqual([]);
}, 180_000);

it("lets go of a task that another must do, and runs the one behind it", async () => {
  const begun: { taskId: string; replica: number | undefined; partition: number | undefined }[] = [];
  scene.script.begin = async ({ taskId, replica, partition }) => {
    begun.push({ taskId: hex(taskId), replica, partition });
    return begun.length === 1 ? { decision: Decision.DECISION_LATER } : lease(hex(taskId), 5n, []);
  };
  await startWorker();
  await queue(taskIdOf(1), 4);
  await queue(taskIdOf(0), 4);
  await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  await expect.poll(lag, { timeout: 60_000 }).toBe(0); // nothing was published anew: that is the orchestrator's to do
  expect(begun).toEqual([
    { taskId: taskIdOf(1), replica: 0, partition: 4 },
    { taskId: taskIdOf(0), replica: 0, partition: 4 },
  ]);
}, 180_000);

it.each([
  ["knows no such task", "NOT_FOUND", "TASK_NOT_FOUND"],
  ["does not let it run it", "PERMISSION_DENIED", "REGION_NOT_ATTESTED"],
] as const)(
  "lets go of a message when the orchestrator %s, and runs the one behind it",
  async (_, status, code) => {
    let begun = 0;
    scene.script.begin = async ({ taskId }) => {
      begun += 1;
      if (begun === 1) throw new RpcFault("UNAVAILABLE", "MIRROR_BEHIND"); // passes: asked again
      if (begun === 2) throw new RpcFault(status, code);
      return lease(hex(taskId), 6n);
    };
    await startWorker();
    await queue(taskIdOf(1), 4);
    await queue(taskIdOf(0), 4);
    await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
    await expect.poll(lag, { timeout: 60_000 }).toBe(0);
    expect(begun).toBe(3);
  },
  90_000,
);

it("takes over the message of a worker that died with it", async () => {
  const dead = await scene.log.subscribe({
    group: `fhe-worker.${regionName()}`,
    topic: taskEvents(regionName()).name,
    handle: () => new Promise(() => {}),
  });
  await queue(taskIdOf(0), 0);
  await expect.poll(lag).toBe(1);
  await dead.close({ drain: false }); // what its SIGKILL leaves behind
  await startWorker();
  await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  await expect.poll(lag).toBe(0);
}, 180_000);

const brokers = realPart("kafka")?.split(",");

it.skipIf(!brokers)(
  "on Kafka: goes on with what it computes when a worker joins, and each task counts once",
  async () => {
    const open = () =>
      openKafkaLog({ brokers: brokers!, clientId: "worker-test", sessionTimeoutMs: 6_000, heartbeatMs: 300 });
    const [mine, theirs] = [await open(), await open()];
    try {
      await mine.declare(taskEvents(regionName()));
      const { held, release } = holdOutputs();
      const begun: { worker: string; decision: Decision }[] = [];
      scene.script.begin = async ({ taskId, worker }) => {
        const first = begun.length < 2;
        const decision = first ? Decision.DECISION_RUN : Decision.DECISION_LATER; // taken: a lease is never given twice
        begun.push({ worker: hex(worker), decision });
        return first ? lease(hex(taskId), BigInt(begun.length)) : { decision };
      };
      await startWorker({ log: mine });
      await queue(taskIdOf(0), 0, mine);
      await queue(taskIdOf(0), 31, mine);
      await expect.poll(() => held.length, { timeout: 60_000 }).toBe(2);
      const joined = await startWorker({ log: theirs });
      const address = joined.key.address.toLowerCase();
      for (let partition = 0; partition < 32; partition++) await queue(taskIdOf(1), partition, mine);
      await expect.poll(() => begun.some(({ worker }) => worker === address), { timeout: 60_000 }).toBe(true);
      release();
      await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(2);
      const group = `fhe-worker.${regionName()}`;
      await expect.poll(() => mine.lag(group, taskEvents(regionName()).name), { timeout: 60_000 }).toBe(0);
      expect(scene.orchestrator.told.completed.map(({ fence }) => fence).sort()).toEqual([1n, 2n]);
      expect([scene.orchestrator.told.failed, scene.orchestrator.told.released]).toEqual([[], []]);
    } finally {
      await scene.stopWorkers();
      await mine.close();
      await theirs.close();
    }
  },
  180_000,
);
