# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take swap_files back: files that it replaced are put back, files that it brought are removed again.
# Variables: keep, data_dir, aside, pods (lines "CONTAINER MANIFEST").
keep_dir
back=0
if [ -d "$keep/files/tree" ] && [ -d "$keep/old-files" ]; then
	(cd "$keep/files/tree" && find . ! -type d) | while IFS= read -r path; do
		path=${path#.}
		place=$(place_of "$path")
		rm -f "${place%/*}/.holdfast.new"
		if [ -e "$keep/old-files$place" ] || [ -L "$keep/old-files$place" ]; then
			put_file "$keep/old-files$place" "$place"
		elif grep -qxF -- "$place" "$keep/brought" 2>/dev/null; then
			rm -f "$place"
		fi
	done || exit 1
	back=$(($(find "$keep/old-files" ! -type d | wc -l)))
fi
result "{\"files\":$back}"
