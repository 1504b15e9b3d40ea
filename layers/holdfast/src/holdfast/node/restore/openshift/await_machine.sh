# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until there is a Machine of the control plane that was not there before, made by the ControlPlaneMachineSet or by a
# person, and its node is Ready; and until the old one is gone.
# Variables: machine (the old one, or empty), known (names of the Machines that there were), instructions (for a person,
# or empty), limit_s.
masters='machine.openshift.io/cluster-api-machine-role=master'
is_replaced() {
	see machines -n openshift-machine-api -l "$masters" -o 'jsonpath={.items[*].metadata.name}' || return 1
	new="" names=$said said="there is no Machine but $said"
	for name in $names; do
		case " $known " in *" $name "*) ;; *) new=$name ;; esac
	done
	[ -n "$new" ] && machine_runs "$new" || return 1
	said="$machine is still there"
	case " $names " in *" ${machine:-/} "*) return 1 ;; esac
}
wait_for is_replaced || {
	[ -z "$instructions" ] || give_up member_host_awaited "there is no new Machine that runs ($said). $instructions"
	stopped_by openshift_machine_not_ready "after $limit_s s" "$said"
}
result "{\"machine\":\"$new\",\"node\":\"$node\"}"
