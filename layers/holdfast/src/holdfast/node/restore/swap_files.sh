# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Put the files of the bundle into their places; a file that they replace is kept in $keep/old-files. The manifests of
# pods go to $aside, so that kubelet starts none of them yet.
# Variables: keep, data_dir, aside, pods (lines "CONTAINER MANIFEST").
keep_dir
[ -d "$keep/files/tree" ] || give_up restore_bundle_missing "there is no $keep/files"
umask 077
mkdir -p "$aside" "$keep/old-files"
(cd "$keep/files/tree" && find . -type d) | while IFS= read -r folder; do
	folder=${folder#.}
	[ ! -d "$folder/" ] || continue
	said=$({
		note_brought "$folder/" && mkdir -m "$(stat -c %a "$keep/files/tree$folder")" "$folder" &&
			chown "$(stat -c %u:%g "$keep/files/tree$folder")" "$folder" || exit 1
		[ -z "$(command -v restorecon)" ] || restorecon "$folder"
	} 2>&1) || stopped_by restore_tool_failed "making $folder" "$said"
done || exit 1
(cd "$keep/files/tree" && find . ! -type d) | while IFS= read -r path; do
	path=${path#.}
	place=$(place_of "$path")
	put_file "$keep/files/tree$path" "$place" "$keep/old-files$place"
done || exit 1
files=$(($(find "$keep/files/tree" ! -type d | wc -l))) kept=$(($(find "$keep/old-files" ! -type d | wc -l)))
result "{\"files\":$files,\"kept\":$kept}"
