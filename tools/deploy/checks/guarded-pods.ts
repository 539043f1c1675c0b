import type { Rendered } from "../chart.ts";
import { type Container, type Known, ofKind } from "./kubernetes.ts";
import { containersOf, selects, type Workload, workloadsOf } from "./workloads.ts";

/** What every pod of a rendered chart must be: nobody, within limits, and away only by agreement. @returns the faults */
export function guardedPods(objects: readonly Rendered[]): string[] {
  const budgets = ofKind(objects, "PodDisruptionBudget");
  const faults: string[] = [];
  const workloads = workloadsOf(objects);
  if (workloads.length === 0) return ["no pod was rendered"];
  for (const workload of workloads) {
    const say = (fault: string) => faults.push(`${workload.name}: ${fault}`);
    guardedPod(workload, say);
    for (const container of containersOf(workload)) {
      guardedContainer(container, (fault) => say(`${container.name} ${fault}`));
    }
    if (workload.serves) lives(workload, budgets, say);
  }
  return faults;
}

type Say = (fault: string) => void;

function guardedPod({ spec }: Workload, say: Say): void {
  const guard = spec.securityContext ?? {};
  if (guard.runAsNonRoot !== true) say("may run as root");
  const { runAsUser = 0, runAsGroup = 0 } = guard;
  if (!(runAsUser > 0 && runAsGroup > 0)) say("names no user and group other than root's");
  if (guard.seccompProfile?.type !== "RuntimeDefault") say("has no seccomp profile");
  if (spec.automountServiceAccountToken !== false) say("mounts a token of the API server");
  if (spec.hostNetwork || spec.hostPID || spec.hostIPC) say("shares the host's network or processes");
  for (const volume of spec.volumes ?? []) {
    if (volume.hostPath) say(`mounts the host's ${volume.hostPath.path}`);
    if (volume.emptyDir && !volume.emptyDir.sizeLimit) say(`volume ${volume.name} has no size limit`);
  }
  if (typeof spec.serviceAccountName !== "string") say("runs under the namespace's default ServiceAccount");
}

function guardedContainer(container: Container, say: Say): void {
  const guard = container.securityContext ?? {};
  if (guard.readOnlyRootFilesystem !== true) say("may write to its root file system");
  if (guard.allowPrivilegeEscalation !== false) say("may gain privileges");
  if (guard.privileged) say("is privileged");
  if (guard.runAsNonRoot === false || guard.runAsUser === 0) say("runs as root");
  if (JSON.stringify(guard.capabilities) !== '{"drop":["ALL"]}') say("keeps capabilities");
  const { limits = {}, requests = {} } = container.resources ?? {};
  for (const resource of ["cpu", "memory"]) {
    if (limits[resource] === undefined) say(`has no limit of ${resource}`);
    if (requests[resource] === undefined) say(`requests no ${resource}`);
  }
  if (/(:latest|^[^:@]+)$/.test(container.image))
    say(`takes whatever image is the latest: ${container.image}`);
  for (const { name, value = "", valueFrom } of container.env ?? []) {
    if (valueFrom?.secretKeyRef || valueFrom?.configMapKeyRef)
      say(`has ${name} in its environment from a Secret or ConfigMap`);
    if (/:\/\/[^/\s]*:[^/\s]*@|-----BEGIN|^0x[0-9a-f]{64}$/i.test(value)) say(`shows a secret in ${name}`);
  }
  if ((container.envFrom ?? []).length > 0) say("takes its environment from elsewhere");
}

const probes = ["startupProbe", "livenessProbe", "readinessProbe"] as const;

function lives(workload: Workload, budgets: readonly Known<"PodDisruptionBudget">[], say: Say): void {
  const { spec, component } = workload;
  for (const container of spec.containers) {
    for (const probe of probes) if (container[probe] === undefined) say(`${container.name} has no ${probe}`);
    if (component.startsWith("dev-")) continue;
    for (const probe of probes) {
      const { port, service } = container[probe]?.grpc ?? {};
      const isHealthPort = container.ports?.some(
        (each) => each.name === "health" && each.containerPort === port,
      );
      if (!isHealthPort) say(`${container.name} answers its ${probe} on no port for health`);
      // The process itself, or whether it takes work: a lost dependency must never restart a pod.
      if (service !== (probe === "readinessProbe" ? undefined : "live"))
        say(`${probe} asks for ${service ?? "work"}`);
    }
  }
  const own = budgets.filter(({ spec: budget }) => selects(budget.selector, workload.labels));
  if (own.length !== 1) say(`${own.length} disruption budgets count it, not one`);
  if (own[0]?.spec.maxUnavailable === undefined) say("its disruption budget could hold up a node for ever");
  if (component.startsWith("dev-")) return;
  if (typeof spec.priorityClassName !== "string") say("has no priority class");
  for (const { labelSelector } of spec.topologySpreadConstraints ?? []) {
    if (!selects(labelSelector, workload.labels)) say("spreads other pods than its own");
  }
  if ((spec.topologySpreadConstraints ?? []).length === 0) say("is not spread");
  const drain = Number(
    spec.containers[0]?.env?.find(({ name }) => name === "COS_WORKER_DRAIN_SECONDS")?.value ?? 30,
  );
  if (!((spec.terminationGracePeriodSeconds ?? 0) > drain)) say("is killed before it has drained");
}
