import type { Rendered } from "../chart.ts";
import type { Container, LabelSelector, Labels, PodSet, PodSpec, PodTemplate } from "./kubernetes.ts";

/** A pod template and who makes pods of it. */
export type Workload = {
  /** `StatefulSet cos-fhe-worker-eu`. */
  readonly name: string;
  readonly kind: string;
  readonly component: string;
  readonly labels: Labels;
  readonly spec: PodSpec;
  /** Whether it runs until it is told to end; a Job does not. */
  readonly serves: boolean;
};

const serving = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

/** Every pod that a rendered chart brings. */
export const workloadsOf = (objects: readonly Rendered[]): Workload[] =>
  objects.flatMap((object) => {
    // A Pod is its own template; whatever else makes pods holds one.
    const template =
      object.kind === "Pod"
        ? (object as PodTemplate)
        : (object.spec as Partial<PodSet> | undefined)?.template;
    const isCustom = object.apiVersion.includes(".") && !object.apiVersion.includes("k8s.io");
    if (template?.spec?.containers === undefined || isCustom) return [];
    const labels = template.metadata?.labels ?? {};
    return [
      {
        name: `${object.kind} ${object.metadata.name}`,
        kind: object.kind,
        component: labels["app.kubernetes.io/component"] ?? "",
        labels,
        spec: template.spec,
        serves: serving.has(object.kind),
      },
    ];
  });

export const containersOf = ({ spec }: Workload): Container[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
];

/** Whether a label selector takes these labels. @throws for what this chart does not use */
export function selects(selector: LabelSelector, labels: Labels): boolean {
  if (selector.matchExpressions !== undefined) throw new Error("selectors by expressions are not read here");
  return Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}
