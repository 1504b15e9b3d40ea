# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# etcdctl where the member is, in a static pod's container or on the host; goes before what asks it. kubeadm needs no
# crictl since 1.32. Beside the variables that functions name, pod_namespace may be set: where those pods are.
pod_namespace=${pod_namespace:-kube-system}

running_in() { # RUNTIME NAME: the ids of running containers of that name in pod_namespace; fails when it cannot tell
	case $1 in
	crictl) crictl ps --name "^$2\$" --label "io.kubernetes.pod.namespace=$pod_namespace" -q ;;
	ctr) # containers that have ended are listed too
		running=$(running_tasks) || return 1
		[ -n "$running" ] || return 0
		of_name=$(ctr -n k8s.io containers list -q \
			"labels.\"io.kubernetes.container.name\"==$2,labels.\"io.kubernetes.pod.namespace\"==$pod_namespace") || return 1
		printf '%s\n' "$of_name" | grep -xF -- "$running" || true
		;;
	docker) # cri-dockerd gives containers names of its own, and Kubernetes' names as labels
		docker ps -q --filter "name=^/?$2\$" &&
			docker ps -q --filter "label=io.kubernetes.container.name=$2" --filter "label=io.kubernetes.pod.namespace=$pod_namespace"
		;;
	esac
}

running_tasks() { # of ctr: the ids
	tasks=$(ctr -n k8s.io tasks list) && printf '%s\n' "$tasks" | awk '$3 == "RUNNING" { print $1 }'
}

# NAME: sets runtime and container to the first ones in which etcdctl can be run. Returns 1 when no client of a runtime
# is on the PATH, 2 when none shows such a container, 3 when nothing can be run in it; standard error says what they said.
find_container() {
	runtime="" container="" why="" found=1
	for tool in crictl ctr docker; do
		command -v $tool >/dev/null || continue
		[ $found -gt 1 ] || found=2
		runtime=$tool container=$(running_in $tool "$1" | head -n 1)
		[ -n "$container" ] || continue
		found=3
		said=$(inside etcdctl version 2>&1 </dev/null) && return 0
		why="$tool: $(printf '%s\n' "$said" | tail -n 1)"
	done
	[ -z "$why" ] || printf '%s\n' "$why" >&2
	return $found
}

inside() { # PROGRAM...
	case $runtime in
	ctr) ctr -n k8s.io tasks exec --exec-id "holdfast-$(cat /proc/sys/kernel/random/uuid)" "$container" "$@" ;;
	*) "$runtime" exec "$container" "$@" ;;
	esac
}

in_container() { # by how
	case $how in container | openshift) ;; *) return 1 ;; esac
}

etcdctl_there() { # ARGUMENTS; by how, endpoint, ca, cert and key_file
	if [ "$how" = openshift ]; then
		# Its pod has variables for the certificates as it sees them, and for all endpoints. What an argument says beside
		# a variable is an error to etcdctl, so the one member is named by the variable too.
		inside env "ETCDCTL_ENDPOINTS=$endpoint" etcdctl "$@"
		return
	fi
	[ -z "$ca" ] || set -- --cacert "$ca" "$@"
	[ -z "$cert" ] || set -- --cert "$cert" --key "$key_file" "$@"
	set -- --endpoints "$endpoint" "$@"
	if [ "$how" = container ]; then
		inside etcdctl "$@"
	else
		# A variable that says the same as an argument is an error to etcdctl; and nobody's form of answers is ours.
		unset ETCDCTL_ENDPOINTS ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY ETCDCTL_COMMAND_TIMEOUT ETCDCTL_WRITE_OUT
		ETCDCTL_API=3 etcdctl "$@"
	fi
}
