import type { Rendered } from "../chart.ts";

/** What could go wrong with a rendered chart, as a change of its JSON text. */
const harms: readonly (readonly [what: string, from: string | RegExp, to: string])[] = [
  ["a pod may be root", '"runAsNonRoot":true', '"runAsNonRoot":false'],
  ["a pod is root", '"runAsUser":10001', '"runAsUser":0'],
  ["a writable root", '"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false'],
  ["privileges gained", '"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true'],
  ["a capability kept", '{"drop":["ALL"]}', '{"drop":["ALL"],"add":["NET_ADMIN"]}'],
  ["no seccomp", '{"type":"RuntimeDefault"}', '{"type":"Unconfined"}'],
  ["a token mounted", '"automountServiceAccountToken":false,"enableServiceLinks"', '"enableServiceLinks"'],
  ["the host's files", '"emptyDir":{"sizeLimit":"64Mi"}', '"hostPath":{"path":"/"}'],
  ["no limit", /"limits":\{"cpu":"[^"]+",/, '"limits":{'],
  ["the latest image", /"image":"[^"]+"/, '"image":"cos/service:latest"'],
  ["no startup probe", '"startupProbe"', '"notAProbe"'],
  ["a restart for a lost dependency", /("livenessProbe":\{"grpc":\{"port":50052),"service":"live"/, "$1"],
  ["no disruption budget", '"kind":"PodDisruptionBudget"', '"kind":"ConfigMap"'],
  ["a kill before the drain", '"terminationGracePeriodSeconds":150', '"terminationGracePeriodSeconds":120'],
  [
    "another's pods spread",
    /("labelSelector":\{[^}]*"app.kubernetes.io\/component":)"access"/,
    '$1"gateway"',
  ],
  [
    "no default deny",
    /"kind":"NetworkPolicy"(,"metadata":\{"name":"[a-z-]+-default-deny")/,
    '"kind":"ConfigMap"$1',
  ],
  ["a port too many", '"port":50051}]', '"port":50051},{"protocol":"TCP","port":9464}]'],
  ["a flow to a stranger", '"cidr":"10.2.0.0/24"', '"cidr":"0.0.0.0/0"'],
  ["a flow to everybody", /"to":\[\{"ipBlock":\{"cidr":"10.2.0.0\/24"\}\}\],/, ""],
  ["a misspelt setting", "COS_GATEWAY_HTTP_PORT", "COS_GATEWAY_HTPP_PORT"],
  [
    "a value out of bounds",
    '"name":"COS_WORKER_THREADS","value":"4"',
    '"name":"COS_WORKER_THREADS","value":"0"',
  ],
  ["a setting left out", /\{"name":"COS_GATEWAY_HTTP_PORT","value":"8080"\},/, ""],
  ["a file that nothing mounts", '"path":"settler.key"', '"path":"setler.key"'],
  ["a secret in the environment", /"value":"info"/, '"valueFrom":{"secretKeyRef":{"name":"a","key":"b"}}'],
  ["a password in the environment", /"value":"info"/, '"value":"postgres://a:b@c/d"'],
  ["a queue that nobody reads", '"topic":"compute.tasks.eu.v1"', '"topic":"compute.tasks.eu.v2"'],
  ["a group of others", '"consumerGroup":"fhe-worker.eu"', '"consumerGroup":"workers"'],
  ["more pods than partitions", '"maxReplicaCount":32', '"maxReplicaCount":33'],
  [
    "a scaler of nothing",
    /("scaleTargetRef":\{"apiVersion":"apps\/v1","kind":"StatefulSet","name":")/,
    "$1not-",
  ],
];

/**
 * Does each harm to a rendered chart, and asks the checks: a check that does not notice proves nothing.
 * @returns the harms that nobody noticed, or that could not be done
 */
export async function noticed(
  objects: readonly Rendered[],
  faultsOf: (objects: readonly Rendered[]) => Promise<readonly string[]>,
): Promise<{ faults: string[]; tried: number }> {
  const text = JSON.stringify(objects);
  const faults: string[] = [];
  for (const [what, from, to] of harms) {
    const harmed = text.replace(from, to);
    if (harmed === text) faults.push(`${what}: there is nothing to do it to`);
    else if ((await faultsOf(JSON.parse(harmed))).length === 0) faults.push(`${what}: nobody noticed`);
  }
  return { faults, tried: harms.length };
}
