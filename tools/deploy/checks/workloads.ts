import type { Rendered } from "../chart.ts";

// biome-ignore lint/suspicious/noExplicitAny: as Kubernetes shapes it
type Spec = Readonly<Record<string, any>>;

/** A pod template and who makes pods of it. */
export type Workload = {
  /** `StatefulSet cos-fhe-worker-eu`. */
  readonly name: string;
  readonly kind: string;
  readonly component: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: Spec;
  /** Whether it runs until it is told to end; a Job does not. */
  readonly serves: boolean;
};

const serving = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

/** Every pod that a rendered chart brings. */
export const workloadsOf = (objects: readonly Rendered[]): Workload[] =>
  objects.flatMap((object) => {
    const template = object.kind === "Pod" ? object : object.spec?.template;
    const isCustom = object.apiVersion.includes(".") && !object.apiVersion.includes("k8s.io");
    if (template?.spec?.containers === undefined || isCustom) return [];
    const labels = (template.metadata?.labels ?? {}) as Record<string, string>;
    return [
      {
        name: `${object.kind} ${object.metadata.name}`,
        kind: object.kind,
        component: labels["app.kubernetes.io/component"] ?? "",
        labels,
        spec: template.spec as Spec,
        serves: serving.has(object.kind),
      },
    ];
  });

export const containersOf = ({ spec }: Workload): Spec[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
];

/** Whether a label selector takes these labels. @throws for what this chart does not use */
export function selects(
  selector: { readonly matchLabels?: Readonly<Record<string, string>>; readonly matchExpressions?: unknown },
  labels: Readonly<Record<string, string>>,
): boolean {
  if (selector.matchExpressions !== undefined) throw new Error("selectors by expressions are not read here");
  return Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}
