# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Remove what the restore fetched and made here: the snapshot, new data that are in no place, and files of the bundle.
# Variables: keep, data_dir.
keep_dir
close_image
removed=false
# put_files_back, when it is run later, needs the list of what was brought as long as there are files to put back.
set --
[ -d "$keep/old-files" ] || set -- "$keep/brought"
for each in "$keep"/snapshot.db* "$keep"/new "$keep"/new.* "$keep"/files "$keep"/files.* "$keep/old-files.new" "$@"; do
	[ ! -e "$each" ] || removed=true
	said=$(rm -rf "$each" 2>&1) || stopped_by restore_tool_failed "removing $each" "$said"
done
rmdir "$keep" 2>/dev/null
result "{\"removed\":$removed}"
