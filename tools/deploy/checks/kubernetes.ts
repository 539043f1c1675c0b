import type { Rendered } from "../chart.ts";

/*
 * What the checks read of Kubernetes' objects, and no more: kubeconform holds every object against the published schemas.
 * Optional is what Kubernetes lets be left out, or a check itself asks for.
 */

export type Labels = Readonly<Record<string, string>>;
export type LabelSelector = { readonly matchLabels?: Labels; readonly matchExpressions?: unknown };

type EnvVariable = {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: object; readonly configMapKeyRef?: object };
};

type Probe = { readonly grpc?: { readonly port: number; readonly service?: string } };

/** As far as they are set: a pod's, or a container's. */
type SecurityContext = {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly seccompProfile?: { readonly type: string };
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: object;
};

export type Container = {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly EnvVariable[];
  readonly envFrom?: readonly object[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources?: Readonly<Partial<Record<"limits" | "requests", Readonly<Record<string, string>>>>>;
  readonly securityContext?: SecurityContext;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPathExpr?: string;
  }[];
};

/** A Secret or ConfigMap as files; without `items` each of its keys is one. */
type FileSource = { readonly items?: readonly { readonly path: string }[] };
export type FileSources = { readonly secret?: FileSource; readonly configMap?: FileSource };

type Volume = FileSources & {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly emptyDir?: { readonly sizeLimit?: string };
  readonly persistentVolumeClaim?: object;
  readonly projected?: { readonly sources: readonly FileSources[] };
};

export type PodSpec = {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly securityContext?: SecurityContext;
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly priorityClassName?: string;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: LabelSelector }[];
};

export type PodTemplate = { readonly metadata?: { readonly labels?: Labels }; readonly spec: PodSpec };

export type PodSet = { readonly replicas?: number; readonly template: PodTemplate };

/** Another end of a connection: pods, or addresses. */
export type PolicyPeer = {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: object;
  readonly ipBlock?: object;
};

export type PolicyRule = {
  readonly from?: readonly PolicyPeer[];
  readonly to?: readonly PolicyPeer[];
  readonly ports?: readonly { readonly port: number }[];
};

type ScaleTarget = { readonly kind: string; readonly name: string };

type AlertOrRecord = { readonly alert?: string; readonly record?: string; readonly labels?: Labels };
export type RuleGroup = { readonly name: string; readonly rules: readonly AlertOrRecord[] };

type Specs = {
  Deployment: PodSet;
  StatefulSet: PodSet;
  HorizontalPodAutoscaler: { readonly scaleTargetRef: ScaleTarget };
  /** KEDA's. */
  ScaledObject: {
    readonly scaleTargetRef: ScaleTarget;
    readonly maxReplicaCount: number;
    readonly triggers: readonly {
      readonly metadata: { readonly topic: string; readonly consumerGroup: string };
    }[];
  };
  NetworkPolicy: {
    readonly podSelector: LabelSelector;
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly PolicyRule[];
    readonly egress?: readonly PolicyRule[];
  };
  PodDisruptionBudget: { readonly selector: LabelSelector; readonly maxUnavailable?: number | string };
  /** The Prometheus operator's. */
  PrometheusRule: { readonly groups: readonly RuleGroup[] };
};

type Kind = keyof Specs;
export type Known<K extends Kind> = { [Each in K]: Rendered & { kind: Each; spec: Specs[Each] } }[K];

/** The objects of these kinds, with what is read of them. */
export const ofKind = <K extends Kind>(objects: readonly Rendered[], ...kinds: readonly K[]): Known<K>[] =>
  objects.filter((object): object is Known<K> => kinds.some((kind) => kind === object.kind));
