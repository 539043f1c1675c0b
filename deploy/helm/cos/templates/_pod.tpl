{{- /* What every pod declares of itself: nobody, and no way to become somebody. */ -}}
{{- define "cos.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "cos.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{- /* Image, pull policy and guard of a container that runs this project's code. */ -}}
{{- define "cos.container" -}}
image: {{ include "cos.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "cos.containerSecurity" . }}
{{- end -}}

{{- /*
By the standard gRPC health service. `live` is the process itself: a lost broker or database never restarts it.
The server as a whole ("") says whether it takes work: while it cannot, it is left out and not killed.
*/ -}}
{{- define "cos.probes" -}}
startupProbe:
  grpc: { port: 50052, service: live }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 60
livenessProbe:
  grpc: { port: 50052, service: live }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  grpc: { port: 50052 }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "cos.ports" -}}
- { name: grpc, containerPort: 50051 }
- { name: health, containerPort: 50052 }
- { name: metrics, containerPort: 9464 }
{{- end -}}

{{- /* Where pods run: (list $ selector own) with selector the pods' labels, own the component's nodeSelector and tolerations. */ -}}
{{- define "cos.placement" -}}
{{- $root := index . 0 -}}
{{- $own := index . 2 -}}
{{- with merge (deepCopy ($own.nodeSelector | default dict)) $root.Values.pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat $root.Values.pods.tolerations ($own.tolerations | default list) }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.pods.spread.topologyKeys }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ . }}
    maxSkew: {{ $root.Values.pods.spread.maxSkew }}
    whenUnsatisfiable: {{ $root.Values.pods.spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- index $ 1 | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* (list $ "gateway") or with further labels: (list $ "fhe-worker" (dict "cos/region" "eu")) */ -}}
{{- define "cos.podMetadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "cos.componentLabels" . | nindent 2 }}
  {{- with slice . 2 | first }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $root.Values.pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # The addresses of contracts are read at the start.
  checksum/contracts: {{ $root.Values.chain.contracts | toJson | sha256sum }}
  {{- with $root.Values.pods.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "cos.pull" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* In development, parts and secrets come up beside the services; these wait for their folder. (list $ "access") */ -}}
{{- define "cos.waitForDev" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.dev.enabled }}
initContainers:
  - name: wait-for-dev-secrets
    {{- include "cos.container" $root | nindent 4 }}
    command: [sh, -c, "until test -f /run/cos/{{ index . 1 }}/tls.crt; do sleep 1; done"]
    resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { cpu: 100m, memory: 32Mi } }
    volumeMounts:
      - { name: own, mountPath: /run/cos, readOnly: true }
{{- end }}
{{- end -}}
