# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Fetch the snapshot into $keep/snapshot.db, and check it. Needs common.sh.
# Variables: keep, data_dir, sha256, raw_size, compression; secret: snapshot_url.
need curl sha256sum dd od df
make_keep
rm -f "$keep"/snapshot.db.*
if [ ! -f "$keep/snapshot.db" ] || ! snapshot_is "$keep/snapshot.db" "$sha256"; then
	rm -f "$keep/snapshot.db"
	free=$(free_bytes "$keep")
	[ "$free" -ge $((raw_size * 2)) ] ||
		give_up restore_disk_full "$keep has $free bytes free; a snapshot of $raw_size needs two times that"
	download "$snapshot_url" "$keep/snapshot.db.object" "the snapshot"
	unpack "$keep/snapshot.db.object" "$keep/snapshot.db.new" restore_snapshot_differs
	rm -f "$keep/snapshot.db.object"
	if [ "$(size_of "$keep/snapshot.db.new")" -ne "$raw_size" ] || ! snapshot_is "$keep/snapshot.db.new" "$sha256"; then
		rm -f "$keep/snapshot.db.new"
		give_up restore_snapshot_differs "what was fetched is not the snapshot of $raw_size bytes with SHA-256 $sha256"
	fi
	mv "$keep/snapshot.db.new" "$keep/snapshot.db" || give_up restore_disk_full "$keep/snapshot.db cannot be written"
fi
result "{\"bytes\":$(size_of "$keep/snapshot.db")}"
