{{- /* Settings in camelCase as environment: (list "COS_ACCESS_" map). Numbers are written out, never as 1e+09. */ -}}
{{- define "cos.settings" -}}
{{- $prefix := index . 0 -}}
{{- range $key, $value := index . 1 }}
- name: {{ $prefix }}{{ regexReplaceAll "([a-z0-9])([A-Z])" $key "${1}_${2}" | upper }}
  value: {{ include "cos.text" $value | quote }}
{{- end -}}
{{- end -}}

{{- define "cos.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{ printf "%.0f" . }}{{- else -}}{{ . }}{{- end -}}
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{- /* The clients' halves of parts. In development the parts are the release's own. */ -}}
{{- define "cos.brokers" -}}
{{- if .Values.dev.enabled -}}
{{ include "cos.fullname" . }}-dev-kafka:9092
{{- else -}}
{{ join "," .Values.broker.servers }}
{{- end -}}
{{- end -}}

{{- define "cos.chainId" -}}
{{- if .Values.dev.enabled -}}31337{{- else -}}{{ include "cos.text" .Values.chain.id }}{{- end -}}
{{- end -}}

{{- /*
Environment that every service has: brokers, wire, telemetry. The files lie under /run/cos/own; templates/_files.tpl
says which.
*/ -}}
{{- define "cos.commonEnv" -}}
- name: COS_BROKERS
  value: {{ include "cos.brokers" . | quote }}
- name: COS_BROKERS_PATIENCE_SECONDS
  value: {{ include "cos.text" .Values.broker.patienceSeconds | quote }}
- name: COS_CHAIN_ID
  value: {{ include "cos.chainId" . | quote }}
- name: COS_LOG_LEVEL
  value: {{ .Values.telemetry.logLevel }}
- name: COS_SERVICE_TOKEN_FILE
  value: /run/cos/own/service-token
{{- include "cos.partTlsEnv" (list . "broker" "COS_BROKERS_") }}
{{- if and (not .Values.dev.enabled) .Values.broker.sasl.mechanism }}
- name: COS_BROKERS_SASL
  value: {{ .Values.broker.sasl.mechanism }}
- name: COS_BROKERS_SASL_FILE
  value: /run/cos/own/broker-credentials
{{- end }}
{{- if and (not .Values.dev.enabled) (eq .Values.tls.mode "mesh") }}
- name: COS_PLAINTEXT
  value: "true"
{{- else }}
- name: COS_TLS_CERT_FILE
  value: /run/cos/own/tls.crt
- name: COS_TLS_KEY_FILE
  value: /run/cos/own/tls.key
- name: COS_TLS_CA_FILE
  value: /run/cos/own/ca.crt
{{- end }}
{{- end -}}

{{- define "cos.telemetryEnv" -}}
{{- if .Values.telemetry.otelEndpoint }}
- name: COS_OTEL_ENDPOINT
  value: {{ .Values.telemetry.otelEndpoint | quote }}
- name: COS_OTEL_SAMPLE_RATIO
  value: {{ include "cos.text" .Values.telemetry.sampleRatio | quote }}
{{- if .Values.telemetry.authoritySecret }}
- name: COS_OTEL_CA_FILE
  value: /run/cos/own/otel-ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{- /* Further environment of services that keep a schema. */ -}}
{{- define "cos.databaseEnv" -}}
- name: COS_DATABASE_URL_FILE
  value: /run/cos/own/database.url
- name: COS_DATABASE_POOL_SIZE
  value: {{ include "cos.text" .Values.database.poolSize | quote }}
- name: COS_OLDEST_BACKUP_DAYS
  value: {{ include "cos.text" .Values.database.oldestBackupDays | quote }}
{{- include "cos.partTlsEnv" (list . "database" "COS_DATABASE_") }}
{{- end -}}

{{- define "cos.objectStoreEnv" -}}
- name: COS_OBJECT_STORE_URL_FILE
  value: /run/cos/own/object-store.url
{{- include "cos.objectStoreAuthorityEnv" . }}
{{- if .Values.objectStore.publicUrl }}
- name: COS_OBJECT_STORE_PUBLIC_URL
  value: {{ .Values.objectStore.publicUrl | quote }}
{{- end }}
{{- end -}}

{{- /* Workers need it too: they hold no URL of the store, but fetch from it. */ -}}
{{- define "cos.objectStoreAuthorityEnv" -}}
{{- if and .Values.objectStore.authority.existingSecret (not .Values.dev.enabled) }}
- name: COS_OBJECT_STORE_CA_FILE
  value: /run/cos/own/object-store-ca.crt
{{- end }}
{{- end -}}

{{- define "cos.cacheEnv" -}}
{{- if or .Values.dev.enabled .Values.cache.existingSecret }}
- name: COS_CACHE_URL_FILE
  value: /run/cos/own/cache.url
{{- include "cos.partTlsEnv" (list . "cache" "COS_CACHE_") }}
{{- end }}
{{- end -}}

{{- /* TLS to a part: (list $ "database" "COS_DATABASE_") */ -}}
{{- define "cos.partTlsEnv" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- $prefix := index . 2 -}}
{{- $tls := (index $root.Values $part).tls -}}
{{- if and $tls.enabled (not $tls.existingSecret) (not $root.Values.dev.enabled) }}
- name: {{ $prefix }}TLS
  value: "true"
{{- else if and $tls.enabled (not $root.Values.dev.enabled) }}
- name: {{ $prefix }}CA_FILE
  value: /run/cos/own/{{ $part }}-ca.crt
{{- if $tls.clientCertificate }}
- name: {{ $prefix }}CERT_FILE
  value: /run/cos/own/{{ $part }}-tls.crt
- name: {{ $prefix }}KEY_FILE
  value: /run/cos/own/{{ $part }}-tls.key
{{- end }}
{{- end }}
{{- end -}}

{{- /* The chain's node. A URL of a Secret is read from its file: it may hold a provider's key. */ -}}
{{- define "cos.chainEnv" -}}
{{- if .Values.dev.enabled }}
- name: COS_RPC_URL
  value: http://{{ include "cos.fullname" . }}-dev-chain:8545
{{- else if .Values.chain.rpc.existingSecret }}
- name: COS_RPC_URL_FILE
  value: /run/cos/own/rpc.url
{{- else }}
- name: COS_RPC_URL
  value: {{ .Values.chain.rpc.url | quote }}
{{- end }}
{{- if and .Values.chain.rpc.authoritySecret (not .Values.dev.enabled) }}
- name: COS_RPC_CA_FILE
  value: /run/cos/own/rpc-ca.crt
{{- end }}
{{- end -}}

{{- define "cos.secondChainEnv" -}}
{{- if .Values.dev.enabled }}
{{- else if .Values.chain.secondRpc.existingSecret }}
- name: COS_SECOND_RPC_URL_FILE
  value: /run/cos/own/second-rpc.url
{{- else if .Values.chain.secondRpc.url }}
- name: COS_SECOND_RPC_URL
  value: {{ .Values.chain.secondRpc.url | quote }}
{{- end }}
{{- if and .Values.chain.secondRpc.authoritySecret (not .Values.dev.enabled) }}
- name: COS_SECOND_RPC_CA_FILE
  value: /run/cos/own/second-rpc-ca.crt
{{- end }}
{{- end -}}

{{- /* Where a server listens: (list $ "COS_ACCESS_"). Health is asked by kubelets, in the clear, on a port that answers nothing else. */ -}}
{{- define "cos.listenEnv" -}}
{{- $prefix := index . 1 -}}
- name: {{ $prefix }}HOST
  value: {{ (index . 0).Values.pods.listenHost | quote }}
- name: {{ $prefix }}GRPC_PORT
  value: "50051"
- name: {{ $prefix }}HEALTH_PORT
  value: "50052"
- name: {{ $prefix }}METRICS_PORT
  value: "9464"
{{- end -}}
