# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take disable_etcd back: its manifest is put back where kubelet finds it.
# Variables: keep, stopped_dir, node_name, limit_s.
components=etcd
if [ ! -e "$manifests/etcd-pod.yaml" ] && [ -e "$stopped_dir/etcd-pod.yaml" ]; then
	put "$stopped_dir/etcd-pod.yaml" "$manifests/etcd-pod.yaml"
fi
rmdir "$keep" 2>/dev/null
wait_for all_run
result "{\"back\":[\"etcd\"],\"down\":[$(as_strings "$(not_running)")]}"
