# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until etcd has all its voters again. The operator adds them by itself; when none has come after patience_s, it is
# asked once to deploy etcd anew. The reason that it is given is this run's, so that asking twice is asking once.
# Variables: how, etcd_name, endpoint, ca, cert, key_file, voters, patience_s, reason, limit_s.
wanted=$voters began_s=$(uptime_s) asked=false
have_it_deployed() {
	said=$(ask_oc patch etcd cluster --type=merge -p "{\"spec\":{\"forceRedeploymentReason\":\"$reason\"}}" 2>&1) &&
		asked=true
}
all_are_back() {
	if count_voters; then
		said="$healthy of $voters voters are healthy, $wanted are wanted"
		[ "$healthy" -lt "$wanted" ] || [ "$voters" -lt "$wanted" ] || return 0
	else
		said=$members
	fi
	if [ $asked = false ] && [ $(($(uptime_s) - began_s)) -ge "$patience_s" ]; then have_it_deployed; fi
	return 1
}
[ "$patience_s" -gt 0 ] || wait_for have_it_deployed || stopped_by openshift_api_silent "oc patch etcd cluster" "$said"
wait_for all_are_back || stopped_by member_not_joined "after $limit_s s" "$said; pods: $(etcd_pods | tr '\n' ';')"
result "{\"voters\":$voters,\"healthy\":$healthy,\"redeployed\":$asked}"
