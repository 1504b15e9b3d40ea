# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take save_old back.
# Variables: keep, backup_dir.
back=""
if [ -d "$keep/etcd-backup.1" ] && [ ! -e "$backup_dir" ]; then
	move "$keep/etcd-backup.1" "$backup_dir"
	back=$backup_dir
fi
rmdir "$keep" 2>/dev/null
result "{\"kept\":\"$back\"}"
