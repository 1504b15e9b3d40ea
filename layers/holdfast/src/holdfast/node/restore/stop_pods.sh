# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Move manifests out of the static pod folder, and wait until nothing of their pods runs.
# Variables: aside, pods (lines "CONTAINER MANIFEST"), limit_s, node_name (without it, what the host is called).
look_for etcd || give_up restore_runtime_silent "none of crictl, ctr and docker answers on this node"
said=$(mkdir -p "$aside" 2>&1 && chmod 700 "$aside" 2>&1) || stopped_by restore_tool_failed "making $aside" "$said"
move_pods out
wait_for no_pod_runs ||
	give_up restore_pod_still_runs "of $(pod_names) something runs $limit_s s after its manifest was moved to $aside"
result "{\"stopped\":[$(pod_names)]}"
