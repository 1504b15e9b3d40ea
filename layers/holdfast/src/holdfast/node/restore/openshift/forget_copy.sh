# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take copy_data back: the data themselves are in their place.
# Variables: keep, data_dir.
removed=false
[ ! -d "$keep/etcd-copy" ] || [ ! -d "$data_dir/member" ] || removed=true
if [ $removed = true ]; then
	said=$(rm -rf "$keep/etcd-copy" "$keep/etcd-copy.part" 2>&1) || stopped_by restore_tool_failed "removing $keep/etcd-copy" "$said"
fi
rmdir "$keep" 2>/dev/null
result "{\"removed\":$removed}"
