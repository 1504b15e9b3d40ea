# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Remove the fetched pair: it holds every Secret. Manifests that were moved aside go where the old data are kept, as the
# operators have written new ones; where one is not there, what was aside stays, and tells the next restore so.
# Variables: stage (or empty), aside, keep.
removed=false
for each in ${stage:+"$stage" "$stage.part"}; do
	[ ! -e "$each" ] || removed=true
	said=$(rm -rf "$each" 2>&1) || stopped_by restore_tool_failed "removing $each" "$said"
done
for each in "$aside"/*; do
	if [ ! -e "$each" ] || [ ! -e "$manifests/${each##*/}" ]; then continue; fi
	need_keep
	said=$(mkdir -p "$keep/manifests" 2>&1 && mv -f "$each" "$keep/manifests/" 2>&1) ||
		stopped_by restore_tool_failed "moving $each" "$said"
	removed=true
done
rmdir "$aside" 2>/dev/null
result "{\"removed\":$removed}"
