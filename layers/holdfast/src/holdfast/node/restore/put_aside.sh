# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Move the member's data to $keep/old: it joins the cluster again with none. Nothing is removed.
# Variables: keep, data_dir.
make_keep
if [ -e "$data_dir/member" ]; then
	check_place
	not_in_use
	[ ! -e "$keep/old/member" ] || give_up restore_data_in_the_way "$keep/old has data, and there are others in $data_dir"
	said=$(mkdir -p "$keep/old" 2>&1) || stopped_by restore_tool_failed "making $keep/old" "$said"
	move "$data_dir/member" "$keep/old/member"
	sync
fi
kept=""
[ ! -d "$keep/old/member" ] || kept=$keep/old/member
result "{\"kept\":\"$kept\"}"
