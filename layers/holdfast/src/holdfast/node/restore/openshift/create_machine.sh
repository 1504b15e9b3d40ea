# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Create the Machine that save_machine wrote, and wait until it runs and its node is Ready.
# Variables: keep, machine (the old one), new_machine, limit_s.
[ -f "$keep/machine.json" ] || give_up openshift_machine_unknown "$keep/machine.json is not there any more"
is_created() {
	said=$(ask_oc apply -f - 2>&1 <"$keep/machine.json")
}
wait_for is_created || stopped_by openshift_machine_refused "oc apply of the Machine $new_machine" "$said"
wait_for machine_runs "$new_machine" || stopped_by openshift_machine_not_ready "after $limit_s s" "$said"
result "{\"machine\":\"$new_machine\",\"node\":\"$node\"}"
