{{- /*
A bundled part FOR DEVELOPMENT: one pod with a volume, its name, its budget and its rule. (dict "root" $ "name" "kafka"
"image" … "user" 10001 "port" 9092 "command" list "env" list "from" (list components) "memory" "1Gi" "secrets" "redis"
"data" "/data" "config" name-of-a-ConfigMap)
*/ -}}
{{- define "cos.devPart" -}}
{{- $root := .root -}}
{{- $component := printf "dev-%s" .name -}}
{{- $full := printf "%s-%s" (include "cos.fullname" $root) $component -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $full }}
  labels: {{- include "cos.componentLabels" (list $root $component) | nindent 4 }}
  annotations: { cos/for-development-only: "true" }
spec:
  serviceName: {{ $full }}
  replicas: 1
  selector:
    matchLabels: {{- include "cos.selector" (list $root $component) | nindent 6 }}
  template:
    metadata: {{- include "cos.podMetadata" (list $root $component) | nindent 6 }}
    spec:
      serviceAccountName: {{ include "cos.fullname" $root }}-dev
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: 10001
        supplementalGroups: [10001]
        seccompProfile: { type: RuntimeDefault }
      terminationGracePeriodSeconds: 60
      {{- include "cos.placement" (list $root (include "cos.selector" (list $root $component)) dict) | nindent 6 }}
      {{- if .secrets }}
      initContainers:
        {{- include "cos.devWait" (list $root (printf "/run/cos/%s" .secrets)) | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ .image }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          {{- include "cos.containerSecurity" $root | nindent 10 }}
          command: {{- toYaml .command | nindent 12 }}
          {{- with .env }}
          env: {{- toYaml . | nindent 12 }}
          {{- end }}
          ports: [{ name: part, containerPort: {{ .port }} }]
          startupProbe: { tcpSocket: { port: part }, periodSeconds: 3, failureThreshold: 60 }
          livenessProbe: { tcpSocket: { port: part }, periodSeconds: 20, failureThreshold: 6 }
          readinessProbe: { tcpSocket: { port: part }, periodSeconds: 5 }
          resources: { requests: { cpu: 100m, memory: 256Mi }, limits: { cpu: "1", memory: {{ .memory }} } }
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
            {{- range .run }}
            - { name: tmp, mountPath: {{ . }}, subPath: run }
            {{- end }}
            {{- if .data }}
            - { name: data, mountPath: {{ .data }} }
            {{- end }}
            {{- if .secrets }}
            - { name: secrets, mountPath: /run/cos/own, subPath: {{ .secrets }}, readOnly: true }
            {{- end }}
            {{- if .config }}
            - { name: config, mountPath: /etc/cos, readOnly: true }
            {{- end }}
      volumes:
        - { name: tmp, emptyDir: { sizeLimit: 128Mi } }
        {{- if .secrets }}
        - name: secrets
          persistentVolumeClaim: { claimName: {{ include "cos.fullname" $root }}-dev-secrets, readOnly: true }
        {{- end }}
        {{- with .config }}
        - name: config
          configMap: { name: {{ . }} }
        {{- end }}
  {{- if .data }}
  volumeClaimTemplates:
    - metadata: { name: data }
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $root.Values.dev.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources: { requests: { storage: {{ $root.Values.dev.size }} } }
  {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $full }}
  labels: {{- include "cos.componentLabels" (list $root $component) | nindent 4 }}
spec:
  publishNotReadyAddresses: true
  selector: {{- include "cos.selector" (list $root $component) | nindent 4 }}
  ports: [{ name: part, port: {{ .port }}, targetPort: part }]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $full }}
  labels: {{- include "cos.componentLabels" (list $root $component) | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "cos.selector" (list $root $component) | nindent 6 }}
{{- if $root.Values.network.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $full }}
  labels: {{- include "cos.componentLabels" (list $root $component) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "cos.selector" (list $root $component) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- $port := .port }}
    {{- range .from }}
    - from:
        - {{- include "cos.pods" (list $root .) | nindent 10 }}
      ports: [{ protocol: TCP, port: {{ $port }} }]
    {{- end }}
{{- end }}
{{- end -}}

{{- /* Waits until a folder of the volume of secrets is filled: (list $ "/run/cos/redis") */ -}}
{{- define "cos.devWait" -}}
- name: wait-for-dev-secrets
  {{- include "cos.container" (index . 0) | nindent 2 }}
  command: [sh, -c, "until test -e {{ index . 1 }}/password; do sleep 1; done"]
  resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { cpu: 100m, memory: 32Mi } }
  volumeMounts:
    - { name: secrets, mountPath: /run/cos, readOnly: true }
{{- end -}}
