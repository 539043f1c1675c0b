/** Programs, built from tools/deploy/programs (go.mod and go.sum pin them and everything they are made of). */
export const programPackages = {
  helm: "helm.sh/helm/v3/cmd/helm",
  "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
  kubeconform: "github.com/yannh/kubeconform/cmd/kubeconform",
} as const;

export type ProgramName = keyof typeof programPackages;

/** The OpenTelemetry collector of docker-compose.yml, built from tools/deploy/collector to validate its configuration. */
export const collectorPackage = "go.opentelemetry.io/collector/otelcol";

/** Kubernetes minors that the chart is held against, each by the OpenAPI document inside its module. */
export const kubernetesModules = ["v1.32.13", "v1.33.13", "v1.34.4", "v1.35.4", "v1.36.3"] as const;

/** Where the definitions of custom resources lie in the modules of those who own them. */
export const crdModules = [
  {
    module: "github.com/kedacore/keda/v2",
    version: "v2.21.0",
    files: [
      "config/crd/bases/keda.sh_scaledobjects.yaml",
      "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ],
  },
  {
    module: "github.com/prometheus-operator/prometheus-operator",
    version: "v0.85.0",
    files: [
      "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
      "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
      "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ],
  },
  {
    module: "github.com/external-secrets/external-secrets",
    version: "v1.3.2",
    files: ["config/crds/bases/external-secrets.io_externalsecrets.yaml"],
  },
  {
    module: "sigs.k8s.io/gateway-api",
    version: "v1.6.3",
    files: ["gateways", "httproutes", "grpcroutes", "tlsroutes", "backendtlspolicies"].map(
      (kind) => `config/crd/standard/gateway.networking.k8s.io_${kind}.yaml`,
    ),
  },
  {
    module: "github.com/cert-manager/cert-manager",
    version: "v1.21.2",
    files: ["deploy/crds/cert-manager.io_certificates.yaml"],
  },
] as const;
