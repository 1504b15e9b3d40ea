# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Move static pods' manifests out of kubelet's folder, and wait until crictl shows none of their containers any more.
# Variables: components (of etcd, kube-apiserver, kube-controller-manager, kube-scheduler), aside, node_name, limit_s.
crictl ps -q >/dev/null 2>&1 || give_up restore_runtime_silent "crictl does not answer on this host"
said=$(mkdir -p "$aside" 2>&1 && chmod 700 "$aside" 2>&1) || stopped_by restore_tool_failed "making $aside" "$said"
for each in $components; do
	# One that is in neither place is stopped when nothing of it runs.
	[ ! -e "$manifests/$each-pod.yaml" ] || put "$manifests/$each-pod.yaml" "$aside/$each-pod.yaml"
done
wait_for all_stopped || give_up restore_pod_still_runs "of $components, $limit_s s after their manifests were moved to $aside: $(still_there)"
result "{\"stopped\":[$(as_strings "$components")]}"
