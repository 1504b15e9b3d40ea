# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until nodes are Ready. Those that are not, and are none of them, are told.
# Variables: node_names, limit_s.
nodes_are_ready() {
	all=$(ask_oc get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' 2>&1 </dev/null) ||
		{ said=$all && return 1; }
	for each in $node_names; do
		said="node $each is not Ready"
		printf '%s\n' "$all" | grep -qxF -- "$each True" || return 1
	done
}
wait_for nodes_are_ready || stopped_by node_not_ready "after $limit_s s" "$said"
result "{\"ready\":[$(as_strings "$node_names")],\"away\":[$(as_strings "$(printf '%s\n' "$all" | grep -v ' True$' | cut -d ' ' -f 1 | tr '\n' ' ')")]}"
