# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take guard_off back, unless the guard was off before.
# Variables: keep, limit_s.
was=on
[ ! -s "$keep/guard" ] || was=$(cat "$keep/guard")
wait_for guard_is "$was" || stopped_by openshift_api_silent "oc patch etcd cluster" "$said"
rm -f "$keep/guard"
rmdir "$keep" 2>/dev/null
result "{\"guard\":\"$was\",\"was\":\"$was\"}"
