# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Tell etcd's operator to accept fewer members than are safe, so that it deploys etcd although a quorum is at risk.
# Whether it was told so before is noted: then it is not for this run to take it back.
# Variables: keep, limit_s.
need_keep
guard_is_known() { guard_state; }
if [ ! -s "$keep/guard" ]; then
	wait_for guard_is_known || stopped_by openshift_api_silent "oc get etcd" "$said"
	echo "$guard" >"$keep/guard" || give_up restore_disk_full "$keep/guard cannot be written"
fi
wait_for guard_is off || stopped_by openshift_api_silent "oc patch etcd cluster" "$said"
result "{\"guard\":\"off\",\"was\":\"$(cat "$keep/guard")\"}"
