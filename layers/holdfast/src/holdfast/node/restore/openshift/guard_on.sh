# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Turn etcd's quorum guard on again: without it an ordinary rollout may lose the quorum. Other overrides stay.
# Variables: keep, limit_s.
wait_for guard_is on || stopped_by openshift_api_silent "oc patch etcd cluster" "$said"
was=""
[ ! -s "$keep/guard" ] || was=$(cat "$keep/guard")
result "{\"guard\":\"on\",\"was\":\"$was\"}"
