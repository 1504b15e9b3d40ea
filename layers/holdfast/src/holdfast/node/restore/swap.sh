# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Exchange the member's data: the old ones to $keep/old, the new ones into their place. Renames, nothing is removed.
# Variables: keep, data_dir.
keep_dir
[ -d "$keep/new" ] || give_up restore_nothing_rebuilt "there is no $keep/new"
if [ -d "$keep/new/member" ]; then
	not_in_use
	if [ -e "$data_dir/member" ]; then
		[ ! -e "$keep/old/member" ] || give_up restore_data_in_the_way "$keep/old has data, and there are others in $data_dir"
		said=$(mkdir -p "$keep/old" 2>&1) || stopped_by restore_tool_failed "making $keep/old" "$said"
		move "$data_dir/member" "$keep/old/member"
	fi
	said=$(umask 077 && mkdir -p "$data_dir" 2>&1) || stopped_by restore_tool_failed "making $data_dir" "$said"
	move "$keep/new/member" "$data_dir/member"
	sync
fi
[ -d "$data_dir/member" ] || give_up restore_nothing_rebuilt "there is neither $keep/new/member nor $data_dir/member"
kept=""
[ ! -d "$keep/old/member" ] || kept=$keep/old/member
result "{\"kept\":\"$kept\"}"
