# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Add a member to etcd as a learner, which has no vote yet.
# Variables: how (container, host), etcd_name, endpoint, ca, cert, key_file, name, peer_urls.
member_id=""
need_voters
by_url() { # the member of these peer URLs: ID NAME LEARNER
	printf '%s\n' "$members" | awk -F ', ' -v urls="$peer_urls" '$4 == urls { print $1, $3, $6 }'
}
if [ -z "$(by_url)" ]; then
	need_quorum "$healthy" "$voters" "to agree to a new member"
	said=$(ask_etcd member add "$name" --learner --peer-urls "$peer_urls") ||
		stopped_by member_change_failed "etcdctl member add $name" "$said"
	members=$(ask_etcd member list) || stopped_by member_change_failed "etcdctl member list" "$members"
fi
case $(by_url) in
*' true') ;;
*) # it has its vote already if this is run again after promote; a lost member that was never removed is not healthy
	member_id=$(by_url | cut -d ' ' -f 1)
	need_voters
	case $(by_url) in "$member_id $name "*) ;; *) healthy=0 ;; esac
	[ "$healthy" -gt "$healthy_others" ] || give_up member_differs "a member with $peer_urls has a vote already: $(by_url)"
	;;
esac
result "{\"member_id\":\"$(by_url | cut -d ' ' -f 1)\"}"
