# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Fetch this node's secrets bundle, check it, and unpack it into $keep/files. Needs common.sh.
# Variables: keep, data_dir, bundle_sha256 (of the object as it is stored), compression; secret: bundle_url.
need curl sha256sum tar find
make_keep
if [ "$(cat "$keep/files/.sha256" 2>/dev/null)" != "$bundle_sha256" ]; then
	rm -rf "$keep"/files "$keep"/files.*
	fresh=$(mktemp -d "$keep/files.XXXXXX") || give_up restore_disk_full "nothing can be made in $keep"
	download "$bundle_url" "$fresh/object" "the secrets bundle"
	[ "$(sha256sum <"$fresh/object" | cut -d ' ' -f 1)" = "$bundle_sha256" ] ||
		give_up restore_bundle_differs "the secrets bundle does not have the SHA-256 $bundle_sha256"
	unpack "$fresh/object" "$fresh/tar" restore_bundle_differs
	mkdir "$fresh/tree"
	# Folders that the bundle only goes through are everybody's to pass; those in it have their own modes.
	said=$(umask 022 && tar -xpf "$fresh/tar" -C "$fresh/tree" 2>&1) || stopped_by restore_bundle_differs "unpacking the bundle" "$said"
	rm -f "$fresh/object" "$fresh/tar"
	said=$({ printf '%s\n' "$bundle_sha256" >"$fresh/.sha256" && mv "$fresh" "$keep/files"; } 2>&1) ||
		stopped_by restore_tool_failed "finishing $fresh" "$said"
fi
result "{\"files\":$(($(find "$keep/files/tree" ! -type d | wc -l)))}"
