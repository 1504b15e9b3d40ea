# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Delete a Machine, and wait until the API has it no more, or only until it was asked to.
# Variables: keep, machine, new_machine, gone (1 to wait for its end: the new one's manifest is in keep), limit_s.
[ "$gone" != 1 ] || [ -s "$keep/machine.json" ] ||
	give_up openshift_machine_unknown "$keep/machine.json, the manifest of $new_machine, is not there any more: $machine stays"
wait_for oc_tried delete machine "$machine" -n openshift-machine-api --ignore-not-found --wait=false ||
	stopped_by openshift_api_silent "oc delete machine $machine" "$said"
holds='{.status.phase}, finalizers {.metadata.finalizers}, hooks {.spec.lifecycleHooks.preDrain[*].name}'
is_gone() {
	see machine "$machine" -n openshift-machine-api --ignore-not-found -o "jsonpath=$holds" && [ -z "$said" ]
}
if [ "$gone" = 1 ]; then
	wait_for is_gone || stopped_by openshift_machine_stays "the Machine $machine is still there after $limit_s s" "$said"
fi
result "{\"machine\":\"$machine\"}"
