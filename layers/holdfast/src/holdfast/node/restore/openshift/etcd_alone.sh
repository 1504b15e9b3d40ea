# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until one etcd runs here, as a cluster of one member that is healthy; hold its revision against what was restored.
# Variables: how, etcd_name, endpoint, ca, cert, key_file, pod_namespace, revision (of what was restored, or 0),
# old_cluster (the id of the cluster that was there before, or empty), limit_s.
etcd_is_alone() {
	running=$(crictl ps --label io.kubernetes.container.name=etcd -q 2>&1) || { said=$running && return 1; }
	said="crictl shows $(printf '%s\n' "$running" | grep -c .) containers named etcd"
	[ "$(printf '%s\n' "$running" | grep -c .)" -eq 1 ] || return 1
	said=$(ask_etcd endpoint health) || return 1
	status=$(ask_etcd endpoint status -w json) || { said=$status && return 1; }
	members=$(ask_etcd member list) || { said=$members && return 1; }
	said="it has the members $(printf '%s' "$members" | tr '\n' ';')"
	[ "$(printf '%s\n' "$members" | grep -c ', started, ')" -eq 1 ] && [ "$(printf '%s\n' "$members" | grep -c .)" -eq 1 ]
}
wait_for etcd_is_alone || stopped_by etcd_not_ready "etcd is not ready after $limit_s s" "$said"
id=$(printf '%x' "$(printf '%s' "$status" | number cluster_id)")
now=$(printf '%s' "$status" | number revision)
[ -z "$old_cluster" ] || [ "$id" != "$old_cluster" ] ||
	give_up openshift_not_restored "etcd is of the cluster $id still: the old data were started, not the restored ones"
[ "$now" -ge "$revision" ] || give_up openshift_not_restored "etcd is at revision $now, and what was restored at $revision"
result "$(printf '{"member_id":"%x","cluster_id":"%s","version":"%s","revision":%s}' \
	"$(printf '%s' "$status" | number member_id)" "$id" \
	"$(printf '%s' "$status" | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')" "$now")"
