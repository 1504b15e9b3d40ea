# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text, or used after it
# What scripts share that stop OpenShift's static pods, run the vendor's scripts, and turn the quorum guard. Goes after
# openshift.sh.

# Static pods. components are their names; a manifest is called COMPONENT-pod.yaml.

containers_of() { # COMPONENT: those that the vendor's scripts wait for
	case $1 in
	etcd) echo etcd etcdctl etcd-metrics etcd-readyz etcd-rev ;;
	*) echo "$1" ;;
	esac
}

running_of() { # COMPONENT: "NAME" of each container that runs, a line; fails when crictl does
	for name in $(containers_of "$1"); do
		ids=$(crictl ps --label "io.kubernetes.container.name=$name" -q 2>/dev/null) || return 1
		[ -z "$ids" ] || echo "$name"
	done
	# kubelet may start a container of it again as long as it has the pod.
	if [ "$1" = etcd ] && [ -n "$node_name" ]; then
		ids=$(crictl pods -q --state ready --namespace openshift-etcd --name "^etcd-$node_name\$" 2>/dev/null) || return 1
		[ -z "$ids" ] || echo "the pod etcd-$node_name"
	fi
}

all_stopped() {
	for each in $components; do
		left=$(running_of "$each") && [ -z "$left" ] || return 1
	done
}

still_there() {
	for each in $components; do running_of "$each" || echo "crictl does not answer"; done | tr '\n' ',' | sed 's/,$//; s/,/, /g'
}

not_running() { # those whose own container does not run
	for each in $components; do
		ids=$(crictl ps --label "io.kubernetes.container.name=$each" -q 2>/dev/null) && [ -n "$ids" ] || printf '%s ' "$each"
	done
}

all_run() {
	[ -z "$(not_running)" ]
}

# Data.

names_in() { # DIRECTORY: hidden ones too, sorted
	(cd "$1" 2>/dev/null && find . ! -name . -prune | cut -c 3- | sort)
}

stray_files() { # what is in the data directory and is not etcd's: 4.18 and later stop at it when etcd is down already
	names_in "$data_dir" | grep -vxE 'member|revision\.json|etcd_perf.*'
}

old_data() { # sets old; in the data directory where that is a file system of its own, as nothing is copied
	old=$keep/etcd
	if [ -d "$data_dir" ] && apart "$data_dir"; then old=$data_dir/.holdfast-old-${keep##*/}; fi
}

save_earlier() { # what the vendor's script parked when it ran before; sets kept
	kept=""
	[ -e "$backup_dir/member" ] || return 0
	need_keep
	number=1
	while [ -e "$keep/etcd-backup.$number" ]; do number=$((number + 1)); done
	kept=$keep/etcd-backup.$number
	move "$backup_dir" "$kept"
}

# The pair of files that is restored: stage has it under the vendor's names.

make_stage() {
	said=$(mkdir -p "$stage" "$stage.part" 2>&1 && chmod 700 "$stage" "$stage.part" 2>&1) ||
		stopped_by restore_tool_failed "making $stage" "$said"
}

need_one_pair() { # the vendor's script takes the last snapshot and the last archive, each by its own name
	there=$(names_in "$stage" | tr '\n' ' ')
	[ "$there" = "$snapshot $bundle " ] || give_up openshift_pair_ambiguous "$stage has not one pair, but: $there"
}

need_whole_archive() { # sets files: how many are in it
	listed=$(tar -tzf "$stage/$bundle" 2>&1) ||
		give_up restore_bundle_differs "$stage/$bundle cannot be read: $(printf '%s\n' "$listed" | tail -n 1)"
	for each in etcd kube-apiserver kube-controller-manager kube-scheduler; do
		printf '%s\n' "$listed" | grep -qE "(^|/)$each-pod-[0-9]+/" ||
			give_up restore_bundle_differs "$stage/$bundle has no resources of $each"
	done
	[ "$(printf '%s\n' "$listed" | grep -c -- '-pod\.yaml$')" -ge 4 ] ||
		give_up restore_bundle_differs "$stage/$bundle has not the manifests of all four pods"
	files=$(printf '%s\n' "$listed" | grep -c '[^/]$')
}

# The vendor's scripts.

take_cluster_proxy() { # needed only where an image has to be pulled. The file is where nodes are told of it, as far as known
	for each in http https no; do
		see proxy cluster --ignore-not-found -o "jsonpath={.status.${each}Proxy}" || said=""
		name=$(printf '%s_PROXY' $each | tr '[:lower:]' '[:upper:]')
		[ -n "$said" ] || [ ! -r "$proxy_file" ] || said=$(sed -n -e 's/^export //' -e "s/^$name=//p" "$proxy_file" | tail -n 1)
		[ -z "$said" ] || export "$name=$said"
	done
}

limited() { # SECONDS COMMAND...: in our own group of processes, so that whoever ends the step ends it too
	if timeout --foreground 1 sh -c : 2>/dev/null; then set -- --foreground -k 10 "$@"; else set -- -k 10 "$@"; fi
	timeout "$@"
}

run_vendor() { # SCRIPT ARGUMENTS...: with limit_s seconds to it; its words are shown while it runs, and kept
	script=$1 log=$keep/$1.log
	shift
	[ -x "$vendor_bin/$script" ] || give_up openshift_script_missing "$vendor_bin/$script is not there"
	aloud "$log" limited "$limit_s" "$vendor_bin/$script" "$@"
	ended=$?
	case $ended in
	0) return ;;
	124 | 137 | 143)
		components="etcd kube-apiserver kube-controller-manager kube-scheduler"
		give_up openshift_script_hangs "$script did not end within $limit_s s; it may wait for: $(still_there); it said: $(tail -n 2 "$log" | tr '\n' ' ')"
		;;
	esac
	! grep -q 'is not empty, please review' "$log" ||
		give_up openshift_data_stray "$script: $(grep 'is not empty, please review' "$log" | tail -n 1)"
	stopped_by openshift_script_failed "$script ended with $ended" "$(tail -n 3 "$log")"
}

# The quorum guard of etcd's operator.

OVERRIDE=useUnsupportedUnsafeNonHANonProductionUnstableEtcd

guard_state() { # sets guard to on or off
	see etcd cluster -o "jsonpath={.spec.unsupportedConfigOverrides.$OVERRIDE}" || return 1
	case $said in true) guard=off ;; *) guard=on ;; esac
}

patch_etcd() { # MERGE-PATCH
	said=$(ask_oc patch etcd/cluster --type=merge -p "$1" 2>&1 </dev/null)
}

guard_is() { # on or off: make it so. Overrides of other names are not ours; without any the field goes, as the vendor has it
	guard_state || return 1
	if [ "$guard" != "$1" ]; then
		case $1 in
		off) patch_etcd "{\"spec\":{\"unsupportedConfigOverrides\":{\"$OVERRIDE\":true}}}" || return 1 ;;
		on) patch_etcd "{\"spec\":{\"unsupportedConfigOverrides\":{\"$OVERRIDE\":null}}}" || return 1 ;;
		esac
		guard_state && [ "$guard" = "$1" ] || return 1
	fi
	[ "$1" = on ] || return 0
	see etcd cluster -o 'jsonpath={.spec.unsupportedConfigOverrides}' || return 1
	case $said in '{}' | 'map[]') patch_etcd '{"spec":{"unsupportedConfigOverrides":null}}' ;; esac
}
