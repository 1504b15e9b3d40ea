# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Fetch the vendor's archive beside its snapshot, byte for byte, and see that it is whole and that there is one pair.
# Needs common.sh.
# Variables: stage, snapshot (a file name), bundle (a file name), bundle_sha256; secret: bundle_url.
need curl sha256sum tar gzip
make_stage
is_fetched() {
	[ -f "$stage/$bundle" ] && [ "$(sha256sum <"$stage/$bundle" | cut -d ' ' -f 1)" = "$bundle_sha256" ]
}
if ! is_fetched; then
	rm -f "$stage/$bundle"
	download "$bundle_url" "$stage.part/bundle" "the archive of static resources"
	mv "$stage.part/bundle" "$stage/$bundle" || give_up restore_disk_full "$stage/$bundle cannot be written"
	is_fetched || {
		rm -f "$stage/$bundle"
		give_up restore_bundle_differs "what was fetched does not have the SHA-256 $bundle_sha256"
	}
fi
rm -rf "$stage.part"
need_whole_archive
need_one_pair
result "{\"files\":$files}"
