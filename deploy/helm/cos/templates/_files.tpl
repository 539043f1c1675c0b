{{- /*
The files of a pod, all in one folder: (dict "root" $ "component" "access" "tls" "access" "parts" (list "database" "contracts")).
Each is taken from the Secret that values name; a changed Secret reaches the pod by itself.
*/ -}}
{{- define "cos.ownVolume" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $tls := .tls -}}
- name: own
{{- if $values.dev.enabled }}
  persistentVolumeClaim: { claimName: {{ include "cos.fullname" $root }}-dev-secrets, readOnly: true }
{{- else }}
  projected:
    defaultMode: 0440
    sources:
      {{- include "cos.source" (list $values.serviceToken.existingSecret $values.serviceToken.key "service-token") | nindent 6 }}
      {{- if ne $values.tls.mode "mesh" }}
      - secret:
          name: {{ include "cos.tlsSecret" (list $root $tls) }}
          items:
            - { key: tls.crt, path: tls.crt }
            - { key: tls.key, path: tls.key }
            - { key: ca.crt, path: ca.crt }
      {{- end }}
      {{- include "cos.partTlsSource" (list $root "broker") | nindent 6 }}
      {{- if $values.broker.sasl.mechanism }}
      {{- include "cos.source" (list $values.broker.sasl.existingSecret "credentials" "broker-credentials") | nindent 6 }}
      {{- end }}
      {{- if has "database" .parts }}
      {{- include "cos.source" (list $values.database.existingSecret (index $values.database.keys .component) "database.url") | nindent 6 }}
      {{- include "cos.partTlsSource" (list $root "database") | nindent 6 }}
      {{- end }}
      {{- if has "objectStore" .parts }}
      {{- include "cos.source" (list $values.objectStore.existingSecret $values.objectStore.key "object-store.url") | nindent 6 }}
      {{- end }}
      {{- if and (or (has "objectStore" .parts) (has "objectStoreAuthority" .parts)) $values.objectStore.authority.existingSecret }}
      {{- include "cos.source" (list $values.objectStore.authority.existingSecret $values.objectStore.authority.key "object-store-ca.crt") | nindent 6 }}
      {{- end }}
      {{- if and (has "cache" .parts) $values.cache.existingSecret }}
      {{- include "cos.partTlsSource" (list $root "cache") | nindent 6 }}
      {{- include "cos.source" (list $values.cache.existingSecret $values.cache.key "cache.url") | nindent 6 }}
      {{- end }}
      {{- if and (has "chain" .parts) $values.chain.rpc.existingSecret }}
      {{- include "cos.source" (list $values.chain.rpc.existingSecret $values.chain.rpc.key "rpc.url") | nindent 6 }}
      {{- end }}
      {{- if and (has "secondChain" .parts) $values.chain.secondRpc.existingSecret }}
      {{- include "cos.source" (list $values.chain.secondRpc.existingSecret $values.chain.secondRpc.key "second-rpc.url") | nindent 6 }}
      {{- end }}
      {{- if and (has "chain" .parts) $values.chain.rpc.authoritySecret }}
      {{- include "cos.source" (list $values.chain.rpc.authoritySecret "ca.crt" "rpc-ca.crt") | nindent 6 }}
      {{- end }}
      {{- if and (has "secondChain" .parts) $values.chain.secondRpc.authoritySecret }}
      {{- include "cos.source" (list $values.chain.secondRpc.authoritySecret "ca.crt" "second-rpc-ca.crt") | nindent 6 }}
      {{- end }}
      {{- if and $values.telemetry.otelEndpoint $values.telemetry.authoritySecret (or $values.telemetry.fromWorkers (ne .component "fhe-worker")) }}
      {{- include "cos.source" (list $values.telemetry.authoritySecret "ca.crt" "otel-ca.crt") | nindent 6 }}
      {{- end }}
      {{- if has "contracts" .parts }}
      - configMap:
          name: {{ $values.chain.contractsConfigMap | default (printf "%s-contracts" (include "cos.fullname" $root)) }}
          items: [{ key: deployment.json, path: deployment.json }]
      {{- end }}
      {{- with .more }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
{{- end -}}

{{- define "cos.source" -}}
- secret:
    name: {{ index . 0 }}
    items: [{ key: {{ index . 1 }}, path: {{ index . 2 }} }]
{{- end -}}

{{- /* Certificates for TLS to a part: (list $ "database") */ -}}
{{- define "cos.partTlsSource" -}}
{{- $part := index . 1 -}}
{{- with (index (index . 0).Values $part).tls -}}
{{- if and .enabled .existingSecret -}}
- secret:
    name: {{ .existingSecret }}
    items:
      - { key: ca.crt, path: {{ $part }}-ca.crt }
      {{- if .clientCertificate }}
      - { key: tls.crt, path: {{ $part }}-tls.crt }
      - { key: tls.key, path: {{ $part }}-tls.key }
      {{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* (list $ "gateway") or (list $ "fheWorker") */ -}}
{{- define "cos.tlsSecret" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
{{- if eq $root.Values.tls.mode "certManager" -}}
{{ include "cos.fullname" $root }}-{{ kebabcase $who }}-tls
{{- else -}}
{{ index $root.Values.tls.existingSecrets $who }}
{{- end -}}
{{- end -}}

{{- /* (list $ "access"): in development a service's own folder of the volume of secrets */ -}}
{{- define "cos.ownMount" -}}
- name: own
  mountPath: /run/cos/own
  readOnly: true
{{- if (index . 0).Values.dev.enabled }}
  subPath: {{ index . 1 }}
{{- end }}
{{- end -}}

{{- define "cos.settlementKeys" -}}
{{- with .Values.settlement.keys }}
{{- if .settler.existingSecret }}
{{ include "cos.source" (list .settler.existingSecret .settler.key "settler.key") }}
{{- end }}
{{- if .usage.existingSecret }}
{{ include "cos.source" (list .usage.existingSecret .usage.key "usage.key") }}
{{- end }}
{{- end }}
{{- with .Values.settlement.signer }}
{{- if .tokenSecret }}
{{ include "cos.source" (list .tokenSecret .tokenKey "signer-token") }}
{{- end }}
{{- if .authoritySecret }}
{{ include "cos.source" (list .authoritySecret "ca.crt" "signer-ca.crt") }}
{{- end }}
{{- end }}
{{- end -}}
