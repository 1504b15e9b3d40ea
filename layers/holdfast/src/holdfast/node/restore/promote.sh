# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Give a learner its vote, as soon as it has what the others have.
# Variables: how (container, host), etcd_name, endpoint, ca, cert, key_file, name, limit_s.
member_id=""
need_voters
learner=$(printf '%s\n' "$members" | awk -F ', ' -v name="$name" '$3 == name { print $1, $6 }')
case $learner in
*' false') ;;
*)
	is_promoted() {
		count_voters || { said=$members && return 1; }
		# shellcheck disable=SC2046 # two words
		set -- $(printf '%s\n' "$members" | awk -F ', ' -v name="$name" '$3 == name { print $1, $6 }')
		[ $# -eq 2 ] || { said="no started member is named $name" && return 1; }
		[ "$2" = true ] || return 0
		need_quorum $((healthy + 1)) $((voters + 1)) "with $name as a voter"
		said=$(ask_etcd member promote "$1")
	}
	wait_for is_promoted || stopped_by learner_not_promoted "$name after $limit_s s" "$said"
	;;
esac
result '{"promoted":true}'
