# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Count the keys of etcd by resource, as the backup's manifest does.
# Variables: how (container, host), etcd_name, endpoint, ca, cert, key_file, at (a revision, or 0).
if [ "$how" = container ]; then find_container "$etcd_name" || give_up node_etcd_not_running "$etcd_name does not run"; fi
status=$(ask_etcd endpoint status -w json) || stopped_by etcd_not_ready "etcdctl endpoint status" "$status"
[ "$at" != 0 ] || at=$(printf '%s' "$status" | number revision)
counts=$({ etcdctl_there --command-timeout 120s get "" --prefix --keys-only --rev "$at" && echo; } </dev/null | awk -F / '
	$0 == "" { ended = 1; next }
	{ keys++; ended = 0 }
	$1 != "" || $2 !~ /^(registry|kubernetes\.io|openshift\.io)$/ || $3 == "" { other++; next }
	{
		name = $3
		if ($4 != "" && ($3 ~ /\./ || $3 ~ /^(services|ranges|oauth)$/)) name = name "/" $4
		gsub(/["\\]/, "\\\\&", name)
		counts[name]++
	}
	END {
		printf "\"keys\":%d,\"other\":%d,\"resources\":{", keys, other
		for (name in counts) { printf "%s\"%s\":%d", comma, name, counts[name]; comma = "," }
		print "}"
		exit !ended
	}') || give_up etcd_not_ready "the keys of revision $at cannot be listed"
result "{\"revision\":$at,$counts}"
