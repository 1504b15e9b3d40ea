# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Move etcd's data of this host aside, as a whole: its member will be filled by the restored one.
# Variables: keep, data_dir.
old_data
not_in_use
if [ -e "$data_dir/member" ]; then
	[ ! -e "$old/member" ] || give_up restore_data_in_the_way "$old has data, and there are others in $data_dir"
	said=$(mkdir -p "$old" 2>&1 && chmod 700 "$old" 2>&1) || stopped_by restore_tool_failed "making $old" "$said"
	for each in "$data_dir"/*; do
		[ ! -e "$each" ] || move "$each" "$old/${each##*/}"
	done
fi
sync
kept=""
[ ! -e "$old/member" ] || kept=$old
result "{\"kept\":\"$kept\"}"
