# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# What the etcd member of this node says of itself and of its cluster. Changes nothing; each question may fail alone.
#
# Variables: how (container, openshift, host), etcd_name, endpoint, ca, cert, key_file.

ask() { # NAME ARGUMENTS
	question=$1
	shift
	answer=$(etcdctl_there --command-timeout 8s "$@" 2>said </dev/null)
	code=$?
	echo $code | section "$question code"
	printf '%s\n' "$answer" | head -c 65536 | section "$question out"
	tail -c 3000 said | section "$question err"
	rm -f said
}

look() { # sets problem to what is in the way, when something is
	problem=""
	if [ "$how" = host ]; then
		command -v etcdctl >/dev/null || problem="tool etcdctl is not on the node's PATH"
		return
	fi
	find_container "$etcd_name" 2>said
	case $? in
	1) problem="tool none of crictl, ctr and docker is on the node's PATH" ;;
	2) problem="container no running container is named $etcd_name: $(tail -n 1 said)" ;;
	3) problem="tool etcdctl cannot be run in the container $etcd_name: $(tail -n 1 said)" ;;
	esac
	rm -f said
}

look
{
	echo "$problem" | section problem
	code=1
	[ -n "$problem" ] || ask status endpoint status -w json
	if [ "$code" -eq 0 ]; then # without its status a member's other answers are of no use, and may take long
		ask members member list -w json
		ask alarms alarm list -w json
		ask version version
	fi
} | pack holdfast-etcd-1
