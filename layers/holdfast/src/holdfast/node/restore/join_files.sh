# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Tell etcd's manifest, while it is out of the static pod folder, which cluster to join. The manifest as it was is kept.
# Variables: keep, data_dir, aside, initial_cluster.
make_keep
manifest=$(grep -l -e '--initial-advertise-peer-urls' "$aside"/* 2>/dev/null | head -n 1)
[ -n "$manifest" ] || give_up restore_manifest_missing "there is no manifest of etcd in $aside"
changed=$(awk -v urls="$initial_cluster" '
	/^ *- *--initial-cluster(-state)?=/ { next }
	/^ *- *--initial-advertise-peer-urls=/ {
		before = substr($0, 1, index($0, "--") - 1)
		print before "--initial-cluster=" urls
		print before "--initial-cluster-state=existing"
	}
	{ print }' "$manifest")
case $changed in
*"--initial-cluster=$initial_cluster"*) ;;
*) give_up restore_manifest_unreadable "$manifest does not have one flag of etcd in each line" ;;
esac
was_changed=false
if [ "$changed" != "$(cat "$manifest")" ]; then
	[ -f "$keep/${manifest##*/}" ] || cp -p "$manifest" "$keep/${manifest##*/}" || give_up restore_disk_full "$keep cannot be written"
	next=$aside/.holdfast.new # not in keep: a file keeps the SELinux label of the folder where it is made
	{ cp -p "$manifest" "$next" && printf '%s\n' "$changed" >"$next" && mv -f "$next" "$manifest"; } ||
		give_up restore_disk_full "$manifest cannot be written"
	was_changed=true
fi
result "{\"changed\":$was_changed}"
