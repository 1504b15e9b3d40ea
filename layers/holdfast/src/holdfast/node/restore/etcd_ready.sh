# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until etcd is healthy with all its voters; say what it has.
# Variables: how (container, host), etcd_name, endpoint, ca, cert, key_file, voters, at (a revision, or 0), limit_s.
etcd_is_ready() {
	said=$(ask_etcd endpoint health) || return 1
	status=$(ask_etcd endpoint status -w json) || { said=$status && return 1; }
	members=$(ask_etcd member list) || { said=$members && return 1; }
	hash=$(ask_etcd endpoint hashkv --rev "$at" -w json) || {
		said=$hash
		case $hash in *compacted*) at=0 ;; esac
		return 1
	}
	learners=$(printf '%s\n' "$members" | grep -c ', true$')
	counted=$(($(printf '%s\n' "$members" | grep -c ', started, ') - learners))
	said="it has $counted started voters of $voters"
	[ "$counted" -ge "$voters" ] && [ "$(printf '%s' "$status" | number leader)" != 0 ]
}
wait_for etcd_is_ready || stopped_by etcd_not_ready "etcd is not ready after $limit_s s" "$said"
# shellcheck disable=SC2046 # numbers
set -- $(for each in member_id cluster_id leader revision; do printf '%s' "$status" | number $each; done)
version=$(printf '%s' "$status" | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')
result "$(printf '{"member_id":"%x","cluster_id":"%x","leader":"%x","version":"%s","voters":%s,"learners":%s,' \
	"$1" "$2" "$3" "$version" "$counted" "$learners")$(printf '"revision":%s,"hash":%s,"compact_revision":%s}' \
	"$4" "$(printf '%s' "$hash" | number hash)" "$(printf '%s' "$hash" | number compact_revision)")"
