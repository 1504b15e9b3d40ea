# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Move manifests back into the static pod folder, and wait until their containers run.
# Variables: aside, pods (lines "CONTAINER MANIFEST"), limit_s.
move_pods back
rmdir "$aside" 2>/dev/null
wait_for every_pod_runs || give_up restore_pod_not_started "of $(pod_names) not all run after $limit_s s"
result "{\"started\":[$(pod_names)]}"
