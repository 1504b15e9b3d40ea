# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take stop_pods back: the manifests are moved back, and containers may start. What does not run in the end is told and
# no failure: it may have been down before it was stopped.
# Variables: aside, pods (lines "CONTAINER MANIFEST"), limit_s.
move_pods back
rmdir "$aside" 2>/dev/null
wait_for every_pod_runs
down=$(printf '%s\n' "$pods" | while read -r container path; do
	if ! look_for "$container" || [ -z "$found" ]; then printf '"%s" ' "$container"; fi
done | sed 's/ $//; s/ /,/g')
result "{\"back\":[$(pod_names)],\"down\":[$down]}"
