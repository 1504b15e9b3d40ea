# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Run the vendor's cluster-restore.sh on the pair that was fetched, under a deadline: it waits without end for containers
# to stop. Before, what an earlier run of it has parked is moved aside, as it would delete that.
# Variables: stage, snapshot (a file name), bundle (a file name), sha256, keep, backup_dir, success (a line of its
# output), node_name, limit_s.
need_keep
kept=""
if [ ! -f "$keep/cluster-restore.done" ]; then
	need_one_pair
	snapshot_is "$stage/$snapshot" "$sha256" ||
		give_up restore_snapshot_differs "$stage/$snapshot does not have the SHA-256 $sha256"
	need_whole_archive
	save_earlier
	take_cluster_proxy
	unset ETCD_RESTORE_SKIP_MOVE_CP_STATIC_PODS ETCD_ETCDCTL_RESTORE ETCD_ETCDCTL_RESTORE_ENABLE_BUMP
	run_vendor cluster-restore.sh "$stage"
	grep -qF -- "$success" "$keep/cluster-restore.sh.log" ||
		give_up openshift_script_failed "cluster-restore.sh ended well without a line '$success': $(tail -n 3 "$keep/cluster-restore.sh.log" | tr '\n' ' ')"
	[ -f "$manifests/etcd-pod.yaml" ] || give_up openshift_script_failed "cluster-restore.sh left no $manifests/etcd-pod.yaml"
	: >"$keep/cluster-restore.done" || give_up restore_disk_full "$keep cannot be written"
fi
[ ! -e "$backup_dir/member" ] || kept=$backup_dir/member
result "{\"script\":\"cluster-restore.sh\",\"kept\":\"$kept\",\"words\":[$(last_lines "$keep/cluster-restore.sh.log")]}"
