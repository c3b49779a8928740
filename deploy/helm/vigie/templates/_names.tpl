{{/* Names, labels and checks that several templates need. */}}

{{- define "vigie.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that every name made from it stays under 63. */}}
{{- define "vigie.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "vigie.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "vigie.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vigie.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vigie.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "vigie.labels" -}}
{{ include "vigie.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "vigie.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The token is required: the pod listens off loopback. */}}
{{- define "vigie.tokenSecret" -}}
{{- if not .Values.existingSecret -}}
{{- fail "existingSecret is empty: name a Secret that holds Vigie's API token, for example `kubectl create secret generic vigie --from-literal=token=\"$(openssl rand -hex 32)\"` and `--set existingSecret=vigie`. Vigie listens off loopback here and refuses to start without one." -}}
{{- end -}}
{{- .Values.existingSecret -}}
{{- end -}}

{{/* The folders that hold files, as a JSON list in the order of vigie.yaml. */}}
{{- define "vigie.folders" -}}
{{- $used := list -}}
{{- range $folder := list "slos" "targets" "policies" "channels" "runbooks" -}}
{{- if index $.Values $folder -}}
{{- $used = append $used $folder -}}
{{- end -}}
{{- end -}}
{{- toJson $used -}}
{{- end -}}

{{/* A request to Vigie itself. Probes ask by the pod's address, and Vigie answers only to names
that it knows. */}}
{{- define "vigie.ask" -}}
path: {{ . }}
port: http
httpHeaders:
  - name: Host
    value: localhost
{{- end -}}

{{/* The name of what belongs to the whole cluster, or stands in namespaces of others: two releases
of one name, in two namespaces, must not share it. */}}
{{- define "vigie.clusterwide" -}}
{{- printf "%s-%s" (include "vigie.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* What Vigie reads of a namespace. It writes nothing. */}}
{{- define "vigie.rules" -}}
- apiGroups: [""]
  resources: [pods{{ if .Values.rbac.discovery }}, services, endpoints{{ end }}]
  verbs: [get, list, watch]
{{- if .Values.rbac.discovery }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch]
{{- end }}
{{- if .Values.rbac.workloads }}
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch]
{{- end }}
{{- end -}}
