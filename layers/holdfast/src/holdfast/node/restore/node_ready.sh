# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until the node renews its lease and is Ready.
# Variables: api_url, api_ca, api_cert, api_key, node_name, limit_s.
renewed=""
renew_time() {
	lease=$(ask_api GET "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/$node_name" 2>&1) ||
		{ printf '%s' "$lease" && return 1; }
	printf '%s' "$lease" | sed -n 's/.*"renewTime": *"\([^"]*\)".*/\1/p'
}
node_is_ready() {
	now=$(renew_time) || { said=$now && return 1; }
	: "${renewed:=$now}"
	[ "$now" != "$renewed" ] || { said="its lease is still of $now" && return 1; }
	said=$(ask_api GET "/api/v1/nodes/$node_name" 2>&1) || return 1
	printf '%s' "$said" | tr -d ' ' | grep -q '"type":"Ready","status":"True"\|"status":"True","type":"Ready"' ||
		{ said="it is not Ready" && return 1; }
}
wait_for node_is_ready || stopped_by node_not_ready "node $node_name after $limit_s s" "$said"
result '{"ready":true,"renewed":true}'
