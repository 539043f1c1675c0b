import type { Rendered } from "../chart.ts";
import { type LabelSelector, ofKind, type PolicyPeer, type PolicyRule } from "./kubernetes.ts";
import { selects, type Workload, workloadsOf } from "./workloads.ts";

/** `gateway -> access: 50051`; who is not of the release is named as in values, such as `database`. */
type Flow = string;

export type NamedPeers = Readonly<Record<string, readonly object[]>>;

/**
 * Which connections the policies of a rendered chart allow, as a network plugin would: from pod to pod both ends must allow
 * it. An end that allows what the other does not is a fault.
 */
export function networkFlows(
  objects: readonly Rendered[],
  outside: NamedPeers,
): { readonly flows: readonly Flow[]; readonly faults: readonly string[] } {
  const policies = ofKind(objects, "NetworkPolicy");
  const pods = [...new Map(workloadsOf(objects).map((pod) => [pod.component, pod])).values()];
  const faults: string[] = [];
  const out = new Set<Flow>();
  const into = new Set<Flow>();
  const others = new Set<Flow>();

  const closed = policies.find(({ spec }) => !spec.ingress && !spec.egress && spec.policyTypes.length === 2);
  for (const pod of pods) {
    if (!closed || !selects(closed.spec.podSelector, pod.labels))
      faults.push(`${pod.component}: no policy denies by default`);
    const own = policies.filter(({ spec }) => selects(spec.podSelector, pod.labels));
    for (const type of ["Ingress", "Egress"]) {
      if (!own.some(({ spec }) => spec.policyTypes.includes(type)))
        faults.push(`${pod.component}: ${type} is not closed`);
    }
    for (const { metadata, spec } of own) {
      for (const rule of spec.egress ?? []) {
        for (const [who, isOurs] of ends(rule, rule.to, metadata.name)) {
          for (const port of portsOf(rule))
            (isOurs ? out : others).add(`${pod.component} -> ${who}: ${port}`);
        }
      }
      for (const rule of spec.ingress ?? []) {
        for (const [who, isOurs] of ends(rule, rule.from, metadata.name)) {
          for (const port of portsOf(rule))
            (isOurs ? into : others).add(`${who} -> ${pod.component}: ${port}`);
        }
      }
    }
  }

  function ends(
    rule: PolicyRule,
    peers: readonly PolicyPeer[] | undefined,
    policy: string,
  ): [string, boolean][] {
    if (peers === undefined || peers.length === 0 || (rule.ports ?? []).length === 0) {
      faults.push(`${policy}: a rule is open to everybody or on every port`);
      return [];
    }
    return peers.flatMap((peer): [string, boolean][] => {
      const isOurs =
        peer.podSelector !== undefined && !peer.namespaceSelector && isReleases(peer.podSelector);
      if (isOurs) return chosen(pods, peer).map(({ component }) => [component, true]);
      const names = Object.entries(outside).flatMap(([name, known]) =>
        known.some((each) => JSON.stringify(each) === JSON.stringify(peer)) ? [name] : [],
      );
      if (names.length === 0) faults.push(`${policy}: nobody knows ${JSON.stringify(peer)}`);
      return names.map((name) => [name, false]);
    });
  }

  for (const flow of out) if (!into.has(flow)) faults.push(`${flow} is allowed to leave and not to arrive`);
  for (const flow of into) if (!out.has(flow)) faults.push(`${flow} is allowed to arrive and not to leave`);
  return { flows: [...[...out].filter((flow) => into.has(flow)), ...others].toSorted(), faults };
}

const isReleases = ({ matchLabels = {} }: LabelSelector) =>
  matchLabels["app.kubernetes.io/instance"] !== undefined;

const chosen = (pods: readonly Workload[], { podSelector = {} }: PolicyPeer): Workload[] =>
  pods.filter(({ labels }) => selects(podSelector, labels));

const portsOf = ({ ports = [] }: PolicyRule): number[] => ports.map(({ port }) => port);
