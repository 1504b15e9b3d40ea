# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until the API server of this host answers and, where that is asked for, shows one etcd pod alone, which runs.
# Variables: alone (1, or empty), limit_s.
api_is_back() {
	said=$(ask_oc get --raw /readyz 2>&1 </dev/null) || return 1
	[ -n "$alone" ] || return 0
	said=$(ask_oc get pods -n openshift-etcd -l k8s-app=etcd \
		-o 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\n"}{end}' 2>&1 </dev/null) || return 1
	[ "$(printf '%s\n' "$said" | grep -c .)" -eq 1 ] && [ "${said##* }" = Running ]
}
wait_for api_is_back || stopped_by openshift_api_silent "the API server after $limit_s s" "$said"
result '{"ready":true}'
