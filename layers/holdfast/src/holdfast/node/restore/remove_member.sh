# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Remove a member of etcd from the cluster, unless too few healthy ones would be left.
# Variables: how (container, host), etcd_name, endpoint, ca, cert, key_file, name, member_id (hexadecimal), limit_s.
# Where lost is set, to 1, a member that answers again stays.
need_voters
[ -z "${lost:-}" ] || [ "$healthy" -eq "$healthy_others" ] ||
	give_up member_returned "the member $member_id of $name answers again: $healthy of $voters voters are healthy"
removed=false
entry=$(printf '%s\n' "$members" | grep "^$member_id, ")
if [ -n "$entry" ]; then
	case $(printf '%s' "$entry" | awk -F ', ' '{ print $3 }') in
	"$name" | "") ;;
	*) give_up member_differs "member $member_id is not $name: $entry" ;;
	esac
	case $entry in *', true') ;; *)
		need_quorum "$healthy" "$voters" "to agree to a removal"
		need_quorum "$healthy_others" $((voters - 1)) "after the removal of $name"
		;;
	esac
	is_removed() {
		said=$(ask_etcd member remove "$member_id") || case $said in *'member not found'*) ;; *) return 1 ;; esac
	}
	wait_for is_removed || stopped_by member_change_failed "etcdctl member remove $member_id" "$said"
	removed=true
fi
result "{\"removed\":$removed}"
