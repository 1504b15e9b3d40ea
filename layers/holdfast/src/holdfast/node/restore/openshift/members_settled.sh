# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until nothing is under way any more: as many Ready etcd pods as voters and no other ones, all members available by
# the operator's own count, and every node at the newest revision.
# Variables: how, etcd_name, endpoint, ca, cert, key_file, voters, limit_s.
wanted=$voters
condition() { # TYPE FIELD: sets said
	see etcd cluster -o "jsonpath={.status.conditions[?(@.type==\"$1\")].$2}"
}
is_settled() {
	said=$(etcd_pods) || return 1
	pods=$(printf '%s\n' "$said" | grep -c ' ') ready=$(printf '%s\n' "$said" | grep -c ' True$')
	said="$ready of $pods etcd pods are Ready, $wanted are wanted"
	[ "$pods" -eq "$wanted" ] && [ "$ready" -eq "$wanted" ] || return 1
	count_voters || { said=$members && return 1; }
	said="$healthy of $voters voters are healthy, $wanted are wanted"
	[ "$healthy" -eq "$wanted" ] && [ "$voters" -eq "$wanted" ] || return 1
	condition EtcdMembersAvailable status || return 1
	available=$said
	condition EtcdMembersAvailable message || return 1
	said="EtcdMembersAvailable is ${available:-not told}: $said"
	# It stays True while a quorum is left, and the message names who is unhealthy.
	case $available:$said in *nhealthy*) return 1 ;; True:*) ;; *) return 1 ;; esac
	condition NodeInstallerProgressing reason || return 1
	reason=$said
	condition NodeInstallerProgressing message || return 1
	# Two numbers mean that some nodes are still at an older one.
	revisions=$(printf '%s' "$said" | grep -o 'revision [0-9]*' | sort -u)
	said="NodeInstallerProgressing is ${reason:-not told}: $said"
	[ "$reason" = AllNodesAtLatestRevision ] && [ "$(printf '%s\n' "$revisions" | grep -c '[0-9]')" -eq 1 ]
}
wait_for is_settled || stopped_by members_not_settled "after $limit_s s" "$said"
result "{\"voters\":$voters,\"pods\":$pods,\"revision\":${revisions#revision }}"
