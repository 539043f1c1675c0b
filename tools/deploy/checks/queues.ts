import { taskEvents } from "../../../packages/topics/src/index.ts";
import type { Rendered } from "../chart.ts";
import { ofKind } from "./kubernetes.ts";

/**
 * What KEDA looks at must be what workers read: topics and groups as the code names them, as many pods at most as a topic has
 * partitions, and one scaler for each set. @returns the faults
 */
export function queues(objects: readonly Rendered[]): string[] {
  const faults: string[] = [];
  const scalers = ofKind(objects, "ScaledObject", "HorizontalPodAutoscaler");
  const targets = scalers.map(({ spec }) => `${spec.scaleTargetRef.kind} ${spec.scaleTargetRef.name}`);
  for (const target of new Set(targets.filter((each, at) => targets.indexOf(each) !== at))) {
    faults.push(`${target} is scaled by two`);
  }
  const sets = ofKind(objects, "StatefulSet", "Deployment");
  for (const target of targets) {
    const set = sets.find(({ kind, metadata }) => `${kind} ${metadata.name}` === target);
    if (set === undefined) faults.push(`${target} is scaled and is not there`);
    else if (set.spec.replicas !== undefined)
      faults.push(`${target} is scaled, and has a number of replicas of its own`);
  }
  for (const { metadata, spec } of ofKind(objects, "ScaledObject")) {
    const set = sets.find(({ metadata: { name } }) => name === spec.scaleTargetRef.name);
    const env = set?.spec.template.spec.containers[0]?.env ?? [];
    const regions = env.find(({ name }) => name === "COS_WORKER_REGIONS")?.value?.split(",") ?? [];
    const expected = regions.map((region) => ({
      topic: taskEvents(region).name,
      group: `fhe-worker.${region}`,
    }));
    const looked = spec.triggers.map(({ metadata: { topic, consumerGroup: group } }) => ({
      topic,
      group,
    }));
    if (JSON.stringify(looked) !== JSON.stringify(expected))
      faults.push(`${metadata.name} does not look at what its workers read`);
    const read = (name: string) => Number(env.find((each) => each.name === name)?.value);
    const atOnce = spec.maxReplicaCount * read("COS_WORKER_THREADS");
    if (!(atOnce <= read("COS_WORKER_TASK_PARTITIONS")))
      faults.push(`${metadata.name} wants more tasks at once than there are partitions`);
  }
  return faults;
}
