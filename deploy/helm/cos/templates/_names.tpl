{{- define "cos.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "cos.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "cos.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cos.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Labels of everything in the release. */ -}}
{{- define "cos.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "cos.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: cos
{{- end -}}

{{- /* What a component's pods are found by: (list $ "gateway") */ -}}
{{- define "cos.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "cos.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* Labels of a component's objects: (list $ "gateway") */ -}}
{{- define "cos.componentLabels" -}}
{{ include "cos.labels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "cos.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* (list $ "services") or (list $ "workers") */ -}}
{{- define "cos.priorityClass" -}}
{{- $root := index . 0 -}}
{{- $kind := index . 1 -}}
{{- $given := index $root.Values.priorityClasses $kind -}}
{{- if $given -}}
{{ $given }}
{{- else if $root.Values.priorityClasses.create -}}
{{ include "cos.fullname" $root }}-{{ $kind }}
{{- end -}}
{{- end -}}

{{- /* A region's values: what differs from workers.common laid over it. (list $ "eu") -> YAML */ -}}
{{- define "cos.region" -}}
{{- $root := index . 0 -}}
{{- $own := index $root.Values.workers.regions (index . 1) | default dict -}}
{{- mergeOverwrite (deepCopy $root.Values.workers.common) (deepCopy $own) | toYaml -}}
{{- end -}}

{{- /* Queues of a region's workers, as topics name them. (list "eu" $region) -> "any,eu" */ -}}
{{- define "cos.queues" -}}
{{- $name := index . 0 -}}
{{- if and (index . 1).servesAny (ne $name "any") -}}any,{{ $name }}{{- else -}}{{ $name }}{{- end -}}
{{- end -}}

{{- /* Pods of one region's workers: (list $ "eu") */ -}}
{{- define "cos.workerSelector" -}}
{{ include "cos.selector" (list (index . 0) "fhe-worker") }}
cos/region: {{ index . 1 }}
{{- end -}}

{{- define "cos.workerLabels" -}}
{{ include "cos.componentLabels" (list (index . 0) "fhe-worker") }}
cos/region: {{ index . 1 }}
{{- end -}}
