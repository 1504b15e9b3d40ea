# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# See that the node of a host that a person brings back is Ready. Stops with what has to be done when it is not.
# Variables: node_name, instructions, limit_s.
wait_for node_is_ready "$node_name" || give_up member_host_awaited "$node_name is not Ready ($said). $instructions"
result "{\"node\":\"$node_name\"}"
