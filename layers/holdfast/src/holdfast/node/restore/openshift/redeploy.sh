# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Have the operator roll a component's static pods out anew, and wait until all nodes are at one revision that is newer
# than before. The reason that is given is this run's: to ask twice is to ask once.
# Variables: kind (etcd, kubeapiserver, kubecontrollermanager, kubescheduler), reason, keep, limit_s.
need_keep
rollout() { # sets state, message and revisions: two of those mean that some nodes are still at an older one
	see "$kind" cluster -o 'jsonpath={.status.conditions[?(@.type=="NodeInstallerProgressing")].reason}' || return 1
	state=$said
	see "$kind" cluster -o 'jsonpath={.status.conditions[?(@.type=="NodeInstallerProgressing")].message}' || return 1
	message=$said
	revisions=$(printf '%s\n' "$message" | grep -o 'revision [0-9][0-9]*' | cut -d ' ' -f 2 | sort -un)
}
knows_revision() {
	rollout || return 1
	said="NodeInstallerProgressing is ${state:-not told}: $message"
	[ -n "$revisions" ]
}
if [ ! -s "$keep/before-$kind" ]; then
	wait_for knows_revision || stopped_by openshift_api_silent "oc get $kind" "$said"
	{ printf '%s\n' "$revisions" | tail -n 1 >"$keep/before-$kind.new" && mv "$keep/before-$kind.new" "$keep/before-$kind"; } ||
		give_up restore_disk_full "$keep/before-$kind cannot be written"
fi
before=$(cat "$keep/before-$kind")
is_asked() {
	said=$(ask_oc patch "$kind" cluster --type=merge -p "{\"spec\":{\"forceRedeploymentReason\":\"$reason\"}}" 2>&1 </dev/null)
}
wait_for is_asked || stopped_by openshift_api_silent "oc patch $kind cluster" "$said"
is_rolled_out() {
	rollout || return 1
	said="NodeInstallerProgressing is ${state:-not told}: $message (before: revision $before)"
	say "$kind: $said"
	[ "$state" = AllNodesAtLatestRevision ] && [ "$(printf '%s\n' "$revisions" | grep -c .)" -eq 1 ] && [ "$revisions" -gt "$before" ]
}
wait_for is_rolled_out || stopped_by openshift_rollout_stuck "$kind, $limit_s s after its rollout was asked for" "$said"
result "{\"kind\":\"$kind\",\"before\":$before,\"revision\":$revisions}"
