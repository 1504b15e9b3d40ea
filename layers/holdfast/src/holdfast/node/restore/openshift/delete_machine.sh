# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Delete a Machine, and wait until the API has it no more; with a limit_s of 0 only ask for it.
# Variables: machine, limit_s.
said=$(ask_oc delete machine "$machine" -n openshift-machine-api --ignore-not-found --wait=false 2>&1) ||
	stopped_by openshift_api_silent "oc delete machine $machine" "$said"
holds='{.status.phase}, finalizers {.metadata.finalizers}, hooks {.spec.lifecycleHooks.preDrain[*].name}'
is_gone() {
	see machine "$machine" -n openshift-machine-api --ignore-not-found -o "jsonpath=$holds" && [ -z "$said" ]
}
if [ "$limit_s" -gt 0 ]; then
	wait_for is_gone || stopped_by openshift_machine_stays "the Machine $machine is still there after $limit_s s" "$said"
fi
result "{\"machine\":\"$machine\"}"
