# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Run the vendor's quorum-restore.sh, under a deadline: a cluster of this one member, of the data that it has. Its
# manifest is put back first, as the script begins with moving it away.
# Variables: keep, aside, node_name, limit_s.
need_keep
if [ ! -f "$keep/quorum-restore.done" ]; then
	if [ ! -e "$manifests/etcd-pod.yaml" ] && [ -e "$aside/etcd-pod.yaml" ]; then
		put "$aside/etcd-pod.yaml" "$manifests/etcd-pod.yaml"
	fi
	take_cluster_proxy
	run_vendor quorum-restore.sh
	grep -qF -- "starting restore-etcd static pod" "$keep/quorum-restore.sh.log" ||
		give_up openshift_script_failed "quorum-restore.sh ended well and started nothing: $(tail -n 3 "$keep/quorum-restore.sh.log" | tr '\n' ' ')"
	: >"$keep/quorum-restore.done" || give_up restore_disk_full "$keep cannot be written"
fi
rmdir "$aside" 2>/dev/null
result "{\"script\":\"quorum-restore.sh\",\"kept\":\"$keep/etcd-copy\",\"words\":[$(last_lines "$keep/quorum-restore.sh.log")]}"
