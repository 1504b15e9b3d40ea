#!/bin/sh
# crictl on a test node that has one container, etcd: ps (-a, -q, --name REGEX) and exec, with crictl's own words.
# /run/crictl.fault may hold "silent" (exec does nothing and ends well) or "down" (the runtime does not answer).
fatal() {
	echo "time=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\" level=fatal msg=\"$1\"" >&2
	exit 1
}

[ "${1:-}" != --version ] || { echo "crictl version v1.19.0" && exit; }
fault=$(cat /run/crictl.fault 2>/dev/null)
[ "$fault" != down ] || fatal 'connect: connect endpoint unix:///run/containerd/containerd.sock, make sure you are running as root and the endpoint has been started: context deadline exceeded'
if read -r pid id </run/etcd.container && kill -0 "$pid"; then runs=1; else runs=0; fi 2>/dev/null
verb=${1:-}
shift

case $verb in
ps)
	quiet=0 name=
	while [ $# -gt 0 ]; do
		case $1 in
		-q | --quiet) quiet=1 ;;
		--name=*) name=${1#*=} ;;
		--name) name=$2 && shift ;;
		esac
		shift
	done
	[ $quiet = 1 ] || echo "CONTAINER           IMAGE               CREATED             STATE               NAME                ATTEMPT             POD ID"
	if [ $runs = 0 ] || ! echo etcd | grep -qE -- "$name"; then exit 0; fi
	if [ $quiet = 1 ]; then echo "$id"; else
		echo "$(echo "$id" | cut -c 1-13)       0369cf4303ffd       2 minutes ago       Running             etcd                0                   $(echo "$id" | rev | cut -c 1-13)"
	fi
	;;
exec)
	while :; do case ${1:-} in --timeout) shift 2 ;; -*) shift ;; *) break ;; esac done
	wanted=$1
	shift
	case $id in "$wanted"*) ;; *) runs=0 ;; esac
	[ $runs = 1 ] || fatal "execing command in container: rpc error: code = NotFound desc = an error occurred when try to find container \\\"$wanted\\\": not found"
	[ "$fault" != silent ] || exit 0
	[ -x "/run/etcd/usr/local/bin/$1" ] ||
		fatal "execing command in container: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: container_linux.go:370: starting container process caused: exec: \\\"$1\\\": executable file not found in \$PATH: unknown"
	env -i PATH=/usr/local/bin "$(command -v chroot)" /run/etcd "$@"
	status=$?
	[ $status = 0 ] || fatal "execing command in container: command terminated with exit code $status"
	;;
*) fatal "unknown command \\\"$verb\\\" for \\\"crictl\\\"" ;;
esac
