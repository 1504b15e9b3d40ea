# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Remove the fetched pair: it holds every Secret of the cluster.
# Variables: stage.
removed=false
for each in "$stage" "$stage.part"; do
	[ ! -e "$each" ] || removed=true
	said=$(rm -rf "$each" 2>&1) || stopped_by restore_tool_failed "removing $each" "$said"
done
result "{\"removed\":$removed}"
