# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# See that a member is still lost, and that the others are a quorum without it. Changes nothing.
# Variables: how, etcd_name, endpoint, ca, cert, key_file (of a sound member, here), member_id ("" when the list has it no
# more), node_name, node_wanted (lost: its node must not be Ready; ready: it must), corrupt (not empty: it may answer), limit_s.
need_voters
[ -n "$corrupt" ] || [ "$healthy" -eq "$healthy_others" ] ||
	give_up member_returned "the member $member_id of $node_name answers again: $healthy of $voters voters are healthy"
again=$(printf '%s\n' "$members" | awk -F ', ' -v id="$member_id" -v name="$node_name" 'NF >= 5 && $3 == name && $1 != id { print $1 }')
[ -z "$again" ] || give_up member_returned "the member of $node_name was added anew, as $again"
need_quorum "$healthy_others" "$voters" "without $node_name"
see_in_time node "$node_name" --ignore-not-found -o "jsonpath={.metadata.name} {$ready_status}"
case $node_wanted:${said#* } in
lost:True) give_up member_returned "the node $node_name is Ready again: the operator brings its member up to date" ;;
ready:True | lost:*) ;;
*) give_up member_returned "the node $node_name is not Ready any more: $said" ;;
esac
result "{\"voters\":$voters,\"healthy\":$healthy_others}"
