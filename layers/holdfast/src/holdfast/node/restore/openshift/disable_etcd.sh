# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Stop etcd on this host by the vendor's script, which waits without end for its containers: here it has a deadline.
# Variables: keep, stopped_dir, node_name, limit_s.
components=etcd
need_keep
if [ -e "$manifests/etcd-pod.yaml" ] || ! all_stopped; then
	if [ -e "$manifests/etcd-pod.yaml" ] && [ -e "$stopped_dir/etcd-pod.yaml" ]; then # of an earlier time; it would be written over
		number=1
		while [ -e "$keep/etcd-pod.yaml.$number" ]; do number=$((number + 1)); done
		said=$(mv "$stopped_dir/etcd-pod.yaml" "$keep/etcd-pod.yaml.$number" 2>&1) ||
			stopped_by restore_tool_failed "moving $stopped_dir/etcd-pod.yaml" "$said"
	fi
	run_vendor disable-etcd.sh
fi
wait_for all_stopped || give_up restore_pod_still_runs "etcd, although disable-etcd.sh has ended well: $(still_there)"
result '{"stopped":["etcd"]}'
