# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Count the keys of etcd by resource, as the backup's manifest does.
# Variables: how (container, openshift, host), etcd_name, endpoint, ca, cert, key_file, at (a revision, or 0).
if in_container; then find_container "$etcd_name" || give_up node_etcd_not_running "$etcd_name does not run"; fi
at_or_now || stopped_by etcd_not_ready "revision $at cannot be read" "$status $said"
counts=$({ etcdctl_there --command-timeout 120s get "" --prefix --keys-only --rev "$at" && echo "that is all"; } </dev/null | awk -F / '
	$0 == "" { next }
	$0 == "that is all" { ended = 1; next }
	{ keys++ }
	$1 != "" || $2 !~ /^(registry|kubernetes\.io|openshift\.io)$/ || $3 == "" { other++; next }
	{
		name = $3
		if ($4 != "" && ($3 ~ /\./ || $3 ~ /^(services|ranges|oauth)$/)) name = name "/" $4
		gsub(/["\\]/, "\\\\&", name)
		counts[name]++
	}
	END {
		printf "\"keys\":%d,\"other\":%d\n{", keys, other
		for (name in counts) { printf "%s\"%s\":%d", comma, name, counts[name]; comma = "," }
		print "}"
		exit !ended
	}') || give_up etcd_not_ready "the keys of revision $at cannot be listed"
resources=$(printf '%s\n' "$counts" | tail -n 1)
what=resources
if [ ${#resources} -gt 16000 ]; then # more than a transport keeps of what a script says
	what=packed resources="\"$(printf '%s' "$resources" | gzip -9 | base64 | tr -d '\n')\""
fi
result "{\"revision\":$at,$(printf '%s\n' "$counts" | head -n 1),\"$what\":$resources}"
