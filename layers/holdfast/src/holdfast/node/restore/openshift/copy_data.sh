# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Copy the data of an etcd that is stopped, as they are: what follows changes them in their place.
# Variables: keep, data_dir.
need_keep
not_in_use
if [ ! -d "$keep/etcd-copy" ]; then
	[ -d "$data_dir/member" ] || give_up restore_nothing_rebuilt "there are no data in $data_dir"
	said=$({
		rm -rf "$keep/etcd-copy.part" && mkdir "$keep/etcd-copy.part" && cp -a "$data_dir/." "$keep/etcd-copy.part/" &&
			sync && mv "$keep/etcd-copy.part" "$keep/etcd-copy"
	} 2>&1) || {
		rm -rf "$keep/etcd-copy.part"
		stopped_by restore_tool_failed "copying $data_dir" "$said"
	}
fi
result "{\"kept\":\"$keep/etcd-copy\"}"
