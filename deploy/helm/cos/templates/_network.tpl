{{- /* Flows in and out of a component's pods. Each line of a network-policy.yaml names one; nothing else is open. */ -}}

{{- /* Pods of a component of this release. (list $ "access") */ -}}
{{- define "cos.pods" -}}
podSelector:
  matchLabels: {{- include "cos.selector" . | nindent 4 }}
{{- end -}}

{{- /* Calls to a service's gRPC. (list $ "access") */ -}}
{{- define "cos.toService" -}}
- to:
    - {{- include "cos.pods" . | nindent 6 }}
  ports: [{ protocol: TCP, port: 50051 }]
{{- end -}}

{{- /* Calls from a service to this one's gRPC. (list $ "gateway") */ -}}
{{- define "cos.fromService" -}}
- from:
    - {{- include "cos.pods" . | nindent 6 }}
  ports: [{ protocol: TCP, port: 50051 }]
{{- end -}}

{{- define "cos.toDns" -}}
- to: {{- toYaml .Values.network.dns.peers | nindent 4 }}
  ports:
    - { protocol: UDP, port: {{ .Values.network.dns.port }} }
    - { protocol: TCP, port: {{ .Values.network.dns.port }} }
{{- end -}}

{{- /* Ports of the brokers, each once. */ -}}
{{- define "cos.brokerPorts" -}}
{{- $ports := list -}}
{{- range .Values.broker.servers -}}
{{- $ports = append $ports (splitList ":" . | last | int) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{- /* Out to a part that operators run, or in development to the release's own. (list $ "database") */ -}}
{{- define "cos.toPart" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- $dev := dict "broker" (list "kafka" 9092) "database" (list "postgres" 5432) "objectStore" (list "objects" 9000) "cache" (list "redis" 6379) "chain" (list "chain" 8545) -}}
{{- if and $root.Values.dev.enabled (hasKey $dev $part) -}}
- to:
    - {{- include "cos.pods" (list $root (printf "dev-%s" (index $dev $part | first))) | nindent 6 }}
  ports: [{ protocol: TCP, port: {{ index $dev $part | last }} }]
{{- else -}}
- to: {{- toYaml (index $root.Values.network.peers $part) | nindent 4 }}
  ports:
  {{- $port := get $root.Values.network.ports $part }}
  {{- $ports := ternary $port (list $port) (kindIs "slice" $port) }}
  {{- if eq $part "broker" }}{{ $ports = include "cos.brokerPorts" $root | fromJsonArray }}{{ end }}
  {{- range $ports }}
    - { protocol: TCP, port: {{ include "cos.text" . }} }
  {{- end }}
{{- end -}}
{{- end -}}

{{- /* In from outside the release, where values name somebody: (list $ "people" (list 50051 8080)) */ -}}
{{- define "cos.fromPeers" -}}
{{- $ports := index . 2 -}}
{{- with index (index . 0).Values.network.peers (index . 1) }}
- from: {{- toYaml . | nindent 4 }}
  ports:
  {{- range $ports }}
    - { protocol: TCP, port: {{ . }} }
  {{- end }}
{{- end }}
{{- end -}}

{{- /* What every component allows in: Prometheus to its figures, operators to its gRPC. */ -}}
{{- define "cos.fromObservers" -}}
{{- include "cos.fromPeers" (list . "prometheus" (list 9464)) }}
{{- include "cos.fromPeers" (list . "operators" (list 50051)) }}
{{- end -}}

{{- /* People come where the component is exposed. */ -}}
{{- define "cos.fromPeople" -}}
{{- if ne (index . 0).Values.exposure.kind "none" }}
{{- include "cos.fromPeers" (list (index . 0) "people" (index . 1)) }}
{{- end }}
{{- end -}}
