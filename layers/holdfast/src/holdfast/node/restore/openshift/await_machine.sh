# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Wait until the ControlPlaneMachineSet has made a Machine in place of one that was deleted, and its node is Ready.
# Variables: machine (the old one), known (names of the Machines that there were), limit_s.
masters='machine.openshift.io/cluster-api-machine-role=master'
is_replaced() {
	see machines -n openshift-machine-api -l "$masters" -o 'jsonpath={.items[*].metadata.name}' || return 1
	new="" names=$said said="there is no Machine but $said"
	for name in $names; do
		case " $known " in *" $name "*) ;; *) new=$name ;; esac
	done
	[ -n "$new" ] && machine_runs "$new" || return 1
	said="$machine is still there"
	case " $names " in *" $machine "*) return 1 ;; esac
}
wait_for is_replaced || stopped_by openshift_machine_not_ready "after $limit_s s" "$said"
result "{\"machine\":\"$new\",\"node\":\"$node\"}"
