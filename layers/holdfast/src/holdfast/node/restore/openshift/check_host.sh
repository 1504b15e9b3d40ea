# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# See that this host is ready for a restore: root, a runtime that answers, the vendor's scripts, and in the data directory
# etcd's own files alone. At others cluster-restore.sh stops half-way, when etcd is stopped already. Changes nothing.
# Variables: data_dir (of the host where that script runs, else empty), scripts (names).
[ "$(id -u)" = 0 ] || give_up node_not_root "commands do not run as root"
said=$(crictl ps -q 2>&1) || stopped_by restore_runtime_silent "crictl ps" "$said"
for each in $scripts; do
	[ -x "$vendor_bin/$each" ] || give_up openshift_script_missing "$vendor_bin/$each is not there"
done
strays=""
[ -z "$data_dir" ] || strays=$(stray_files | tr '\n' ' ')
[ -z "$strays" ] || give_up openshift_data_stray "$data_dir has what is not etcd's: $strays"
result "{\"containers\":$(printf '%s\n' "$said" | grep -c .)}"
