# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Make this member's new data from $keep/snapshot.db, in $keep/new. The old data are not touched.
# Variables: keep, data_dir, sha256, name, peer_urls, initial_cluster, token, bump (a number, or empty), how (container,
# host), etcd_image.
make_keep
asked="$sha256 $name $peer_urls $initial_cluster $token $bump"
if [ "$(cat "$keep/new/asked" 2>/dev/null)" != "$asked" ]; then
	check_place
	[ -f "$keep/snapshot.db" ] || give_up restore_snapshot_missing "$keep/snapshot.db is not there"
	snapshot_is "$keep/snapshot.db" "$sha256" ||
		give_up restore_snapshot_differs "$keep/snapshot.db does not have the SHA-256 $sha256"
	rm -rf "$keep"/new "$keep"/new.*
	find_tool ||
		give_up restore_tool_missing "neither the image $etcd_image nor the node has an etcdutl or etcdctl that restores"
	fresh=$(mktemp -d "$keep/new.XXXXXX") || give_up restore_disk_full "nothing can be made in $keep"
	set -- --data-dir "$fresh/data" --name "$name" --initial-cluster "$initial_cluster" \
		--initial-cluster-token "$token" --initial-advertise-peer-urls "$peer_urls"
	bumped=0
	if [ -n "$bump" ] && bumps; then
		set -- "$@" --bump-revision "$bump" --mark-compacted
		bumped=$bump
	fi
	said=$(ETCDCTL_API=3 "$tool" snapshot restore "$keep/snapshot.db" "$@" 2>&1) ||
		stopped_by restore_rebuild_failed "$tool_version" "$said"
	ids=$(printf '%s\n' "$said" | sed -n -e 's/.*"added-peer-id": *"\([0-9a-f]*\)".*/"\1"/p' \
		-e 's/.*added member \([0-9a-f]*\) .*/"\1"/p' | sort -u | tr '\n' ',')
	[ -n "$ids" ] || give_up restore_rebuild_failed "$tool_version named no member"
	said=$(mv "$fresh/data/member" "$fresh/member" 2>&1 && rmdir "$fresh/data" 2>&1) || stopped_by restore_rebuild_failed "$tool_version" "$said"
	look_like_before "$fresh/member"
	said=$({
		printf '{"members":[%s],"tool":"%s","bumped":%s,"owner":"%s","mode":"%s"}\n' \
			"${ids%,}" "$tool_version" "$bumped" "$owner" "$mode" >"$fresh/report" &&
			printf '%s\n' "$asked" >"$fresh/asked" && sync && mv "$fresh" "$keep/new"
	} 2>&1) || stopped_by restore_tool_failed "finishing $fresh" "$said"
fi
result "$(cat "$keep/new/report")"
