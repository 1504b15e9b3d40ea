# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until no pod of the cluster is still to start, and tell of those that do not run then. They may have reasons that
# are older than the restore, so this fails only when nobody can tell.
# Variables: limit_s.
list_pods() { # sets away: "NAMESPACE/NAME WHY" of each that neither runs nor has ended well; sets coming to their number
	ask_oc get pods -A -o 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.status.phase} {.status.containerStatuses[*].state.waiting.reason}{"\n"}{end}' \
		>./pods 2>./said </dev/null || { said=$(cat ./said) && rm -f ./pods ./said && return 1; }
	away=$(awk 'NF == 2 && ($2 == "Running" || $2 == "Succeeded") { next } NF > 1 { print $1, (NF > 2 ? $3 : $2) }' ./pods)
	# One that ended badly stays there: whoever owns it has made another one.
	coming=$(printf '%s\n' "$away" | grep -v ' Failed$' | grep -c .)
	rm -f ./pods ./said
}
all_are_back() {
	list_pods || return 1
	said="$coming pods do not run yet: $(printf '%s\n' "$away" | grep -v ' Failed$' | head -n 3 | tr '\n' ';')"
	[ "$coming" -eq 0 ]
}
wait_for all_are_back || list_pods || stopped_by openshift_api_silent "oc get pods" "$said"
warnings=$(printf '%s\n' "$away" | grep . | head -n 11 | tr -c '\12\40-\176' ' ' | sed 's/["\\]/\\&/g' |
	awk '{ pod = $1; $1 = ""; printf "%s\"the pod %s does not run:%s\"", comma, pod, $0; comma = "," }')
number=$(printf '%s\n' "$away" | grep -c .)
[ "$number" -le 11 ] || warnings="$warnings,\"and $((number - 11)) more pods do not run: oc get pods -A\""
result "{\"away\":$number,\"warnings\":[$warnings]}"
