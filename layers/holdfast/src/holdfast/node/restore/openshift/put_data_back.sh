# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take put_data_aside back.
# Variables: keep, data_dir.
old_data
if [ -e "$old/member" ]; then
	[ ! -e "$data_dir/member" ] || give_up restore_data_in_the_way "$data_dir has data again, and the old ones are in $old"
	for each in "$old"/*; do
		[ ! -e "$each" ] || [ "$each" = "$old/member" ] || [ -e "$data_dir/${each##*/}" ] || move "$each" "$data_dir/${each##*/}"
	done
	move "$old/member" "$data_dir/member" # last: a way back that was cut short is found again by it
	sync
fi
rmdir "$old" "$keep" 2>/dev/null
result "{\"kept\":\"\"}"
