{{- define "smartops.name" -}}
{{- printf "%s-%s" .root.Release.Name .part | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "smartops.secret" -}}
{{- .Values.existingSecret | default (printf "%s-smartops" .Release.Name) -}}
{{- end -}}

{{- define "smartops.selector" -}}
app.kubernetes.io/name: smartops
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "smartops.labels" -}}
{{ include "smartops.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "smartops.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* A worker and beat touch this file every five seconds while their loops turn. */}}
{{- define "smartops.alive" -}}
exec:
  command: [sh, -c, "test $(( $(date +%s) - $(stat -c %Y /tmp/alive) )) -lt 30"]
periodSeconds: 10
timeoutSeconds: 3
{{- end -}}

{{/* What all pods share: root, part, command, grace, resources, parts of the
     container as YAML in `more`; `secrets` names the few that a part gets instead of all. */}}
{{- define "smartops.pod" -}}
metadata:
  labels: {{- include "smartops.labels" . | nindent 4 }}
  annotations:
    checksum/secret: {{ toJson .root.Values.secrets | sha256sum }}
    checksum/sla: {{ .root.Values.slaConfig | sha256sum }}
    {{- with .root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .root.Values.serviceAccountName }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .grace }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "smartops.selector" $ | nindent 10 }}
    {{- end }}
  containers:
    - name: {{ .part }}
      image: {{ include "smartops.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: {{ toJson (concat (list "python" "-m" "smartops.run") .command) }}
      {{- if .secrets }}
      env:
        {{- range .secrets }}
        - name: {{ . }}
          valueFrom: {secretKeyRef: {name: {{ include "smartops.secret" $.root }}, key: {{ . }}, optional: {{ eq . "CELERY_BROKER_URL" }}}}
        {{- end }}
      {{- else }}
      envFrom:
        - secretRef: {name: {{ include "smartops.secret" .root }}}
      env:
        - {name: FLOWER_BASIC_AUTH, value: ""}
      {{- end }}
        {{- range $name, $value := .root.Values.settings }}
        - {name: {{ $name }}, value: {{ $value | toString | quote }}}
        {{- end }}
        {{- range $name, $value := .env }}
        - {name: {{ $name }}, value: {{ $value | toString | quote }}}
        {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources: {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if and .root.Values.slaConfig (ne .part "migrate") }}
        - {name: sla, mountPath: /app/config, readOnly: true}
        {{- end }}
      {{- with .more }}
      {{- . | nindent 6 }}
      {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: {{ .scratch | default "256Mi" }}}
    {{- if and .root.Values.slaConfig (ne .part "migrate") }}
    - name: sla
      configMap: {name: {{ .root.Release.Name }}-sla}
    {{- end }}
{{- end -}}
