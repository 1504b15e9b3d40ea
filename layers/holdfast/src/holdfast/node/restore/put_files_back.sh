# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take swap_files back: files and folders that it brought are removed again, files that it replaced are put back. Then
# what was kept of them is removed: it may be keys.
# Variables: keep, data_dir, aside, pods (lines "CONTAINER MANIFEST").
keep_dir
now_at() { # PLACE: where its file is by now; a manifest may have been moved back from $aside
	moved=$(printf '%s\n' "$pods" | while read -r container path; do
		[ "$1" != "$aside/${path##*/}" ] || [ -e "$1" ] || [ ! -e "$path" ] || printf '%s\n' "$path"
	done)
	printf '%s\n' "${moved:-$1}"
}
back=0
if [ -d "$keep/old-files" ]; then
	# First: on a full disk that makes room. Folders have a / at their end, and come after what is in them.
	[ ! -f "$keep/brought" ] || LC_ALL=C sort -r "$keep/brought" | while IFS= read -r place; do
		place=$(now_at "$place")
		case $place in
		*/) rmdir "$place" 2>/dev/null ;;
		/*)
			[ -L "$place" ] || [ ! -d "$place" ] || continue
			said=$(rm -f "${place%/*}/.holdfast.new" "$place" 2>&1) || stopped_by restore_tool_failed "removing $place" "$said"
			;;
		esac
		true
	done || exit 1
	(cd "$keep/old-files" && find . ! -type d) | while IFS= read -r path; do
		put_file "$keep/old-files${path#.}" "$(now_at "${path#.}")"
	done || exit 1
	back=$(($(find "$keep/old-files" ! -type d | wc -l)))
	sync
	said=$(rm -rf "$keep/brought" "$keep/old-files.new" "$keep/old-files" 2>&1) ||
		stopped_by restore_tool_failed "removing $keep/old-files" "$said"
fi
result "{\"files\":$back}"
