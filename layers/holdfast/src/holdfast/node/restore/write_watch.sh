# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Write an object through the API server, see it in a watch, and remove it.
# Variables: api_url, api_ca, api_cert, api_key, run, limit_s.
all=/api/v1/namespaces/kube-system/configmaps
written() {
	said=$(ask_api DELETE "$all/holdfast-restore" 2>&1)
	said=$(ask_api GET "$all?limit=1" 2>&1) || return 1
	before=$(printf '%s' "$said" | sed 's/"items".*//' | sed -n 's/.*"resourceVersion": *"\([0-9]*\)".*/\1/p')
	said=$(ask_api POST "$all" "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"holdfast-restore\"},\"data\":{\"run\":\"$run\"}}" 2>&1)
}
watched() {
	said=$(ask_api GET "$all?watch=1&fieldSelector=metadata.name%3Dholdfast-restore&resourceVersion=$before&timeoutSeconds=2" 2>&1)
	case $said in *'"ADDED"'*"$run"*) ;; *) return 1 ;; esac
}
wait_for written || stopped_by api_write_failed "writing a ConfigMap" "$said"
wait_for watched || stopped_by api_watch_silent "watching ConfigMaps from revision $before" "$said"
said=$(ask_api DELETE "$all/holdfast-restore" 2>&1) || stopped_by api_write_failed "removing the ConfigMap" "$said"
result '{"wrote":true,"seen":true}'
