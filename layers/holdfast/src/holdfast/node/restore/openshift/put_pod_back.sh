# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take stop_pod back: kubelet may start them again. What does not run in the end is told and no failure.
# Variables: components (of etcd, kube-apiserver, kube-controller-manager, kube-scheduler), aside, node_name, limit_s.
for each in $components; do
	[ ! -e "$aside/$each-pod.yaml" ] || put "$aside/$each-pod.yaml" "$manifests/$each-pod.yaml"
done
rmdir "$aside" 2>/dev/null
wait_for all_run
result "{\"back\":[$(as_strings "$components")],\"down\":[$(as_strings "$(not_running)")]}"
