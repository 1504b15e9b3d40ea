# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until all cluster operators have been well for a while: by oc, or where it is too old to know how, by looking.
# Variables: stable_s, limit_s.
by=oc since=""
# Asked for the help of a command that it has not, oc shows that of the command above and ends well.
oc adm wait-for-stable-cluster --help 2>/dev/null </dev/null | grep -q -e --minimum-stable-period || by=looking
operators_are_well() {
	said=$(ask_oc get clusteroperators -o 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Available")].status} {.status.conditions[?(@.type=="Progressing")].status} {.status.conditions[?(@.type=="Degraded")].status}{"\n"}{end}' 2>&1 </dev/null) || return 1
	printf '%s\n' "$said" | grep -q ' True False False$' || return 1
	said=$(printf '%s\n' "$said" | grep -v ' True False False$')
	[ -z "$said" ]
}
is_stable() {
	if [ $by = oc ]; then
		left=$((until_s - $(uptime_s)))
		[ $left -gt 0 ] || return 1
		# It ends at an error of the API, and there may be some while servers are replaced. Its own questions have no limit.
		aloud ./stable oc --kubeconfig "$oc_config" adm wait-for-stable-cluster \
			--minimum-stable-period="${stable_s}s" --timeout="${left}s" && return 0
		said=$(tail -n 3 ./stable) && return 1
	fi
	if ! operators_are_well; then
		since=""
		return 1
	fi
	: "${since:=$(uptime_s)}"
	said="all are well since $(($(uptime_s) - since)) s"
	[ $(($(uptime_s) - since)) -ge "$stable_s" ]
}
wait_for is_stable || {
	[ $by = looking ] || operators_are_well
	stopped_by openshift_not_stable "the cluster operators after $limit_s s" "$said"
}
result "{\"stable\":true,\"by\":\"$by\"}"
