# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Fetch the snapshot under the vendor's name into a directory of its own, and check it. Needs common.sh.
# Variables: stage, snapshot (a file name), sha256, raw_size, compression; secret: snapshot_url.
need curl sha256sum dd od df
make_stage
if [ ! -f "$stage/$snapshot" ] || ! snapshot_is "$stage/$snapshot" "$sha256"; then
	rm -f "$stage/$snapshot"
	free=$(free_bytes "$stage")
	[ "$free" -ge $((raw_size * 2)) ] ||
		give_up restore_disk_full "$stage has $free bytes free; a snapshot of $raw_size needs two times that"
	download "$snapshot_url" "$stage.part/object" "the snapshot"
	unpack "$stage.part/object" "$stage.part/db" restore_snapshot_differs
	if [ "$(size_of "$stage.part/db")" -ne "$raw_size" ] || ! snapshot_is "$stage.part/db" "$sha256"; then
		rm -rf "$stage.part"
		give_up restore_snapshot_differs "what was fetched is not the snapshot of $raw_size bytes with SHA-256 $sha256"
	fi
	mv "$stage.part/db" "$stage/$snapshot" || give_up restore_disk_full "$stage/$snapshot cannot be written"
fi
rm -rf "$stage.part"
result "{\"bytes\":$(size_of "$stage/$snapshot")}"
