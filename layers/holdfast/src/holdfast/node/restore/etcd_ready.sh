# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until etcd is healthy with all its voters; say what it has.
# Variables: how (container, host), etcd_name, endpoint, ca, cert, key_file, voters, asked (so many members are asked in
# this step), at (a revision, or 0), limit_s.
differs="" alike=0
all_alike() { # where the revision is one of its own: whether all have its hash there. One may lag, or compact meanwhile
	[ "$at" = 0 ] || return 0
	differs="" own=$(printf '%s' "$hash" | number hash) now=$(printf '%s' "$hash" | number revision)
	every=$(ask_etcd endpoint hashkv --cluster --rev "$now" -w json)
	hashes=$(printf '%s\n' "$every" | tr '{' '\n' | sed -n 's/.*"member_id":\([0-9]*\).*"hash":\([0-9]*\).*/\1 \2/p' | sort -u)
	alike=$(printf '%s\n' "$hashes" | grep -c " $own\$")
	said="of revision $now, $alike members of $asked have the hash $own: $(printf '%s\n' "$hashes" | tr '\n' ';')"
	[ -z "$hashes" ] || [ "$(printf '%s\n' "$hashes" | wc -l)" -eq "$alike" ] || differs=$said
	[ "$alike" -ge "$asked" ] && [ -z "$differs" ]
}
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
	[ "$counted" -ge "$voters" ] && [ "$(printf '%s' "$status" | number leader)" != 0 ] && all_alike
}
wait_for etcd_is_ready || {
	[ -z "$differs" ] || give_up hash_differs "$differs"
	stopped_by etcd_not_ready "etcd is not ready after $limit_s s" "$said"
}
# shellcheck disable=SC2046 # numbers
set -- $(for each in member_id cluster_id leader; do printf '%s' "$status" | number $each; done)
version=$(printf '%s' "$status" | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')
result "$(printf '{"member_id":"%x","cluster_id":"%x","leader":"%x","version":"%s","voters":%s,"learners":%s,' \
	"$1" "$2" "$3" "$version" "$counted" "$learners")$(printf '"revision":%s,"at":%s,"alike":%s,"hash":%s,"compact_revision":%s}' \
	"$(printf '%s' "$hash" | number revision)" "$at" "$alike" \
	"$(printf '%s' "$hash" | number hash)" "$(printf '%s' "$hash" | number compact_revision)")"
