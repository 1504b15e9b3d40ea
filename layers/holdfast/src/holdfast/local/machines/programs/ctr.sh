# shellcheck shell=sh disable=SC2154 # runtime.sh sets pid, id, image, fault and away
# ctr on a machine, in the namespace k8s.io: tasks list and exec, containers list (-q, one filter by the container's
# name, and by kube-system; there are no sandboxes), images list, mount and unmount, with ctr's own words. Short forms are
# known too.
fatal() {
	echo "ctr: $1" >&2
	exit 1
}

namespace=default
while :; do
	case ${1:-} in
	-v | --version) echo "ctr github.com/containerd/containerd v1.6.12" && exit ;;
	-n | --namespace) namespace=$2 && shift 2 ;;
	--namespace=* | -n=*) namespace=${1#*=} && shift ;;
	*) break ;;
	esac
done
[ "$fault" != down ] || fatal "failed to dial \"/run/containerd/containerd.sock\": context deadline exceeded: $away"
subject=${1:-} verb=${2:-}
[ $# -lt 2 ] || shift 2

running() { # prints "NAME PID ID IMAGE" of each
	[ "$namespace" = k8s.io ] || return
	for each in /run/containers/*; do
		! runs "${each##*/}" || echo "${each##*/} $pid $id $image"
	done
}

containers() { # [-q] [FILTER]
	quiet=0 wanted=
	for each in "$@"; do
		case $each in
		-q | --quiet) quiet=1 ;;
		'labels."io.kubernetes.container.name"=='*',labels."io.kubernetes.pod.namespace"==kube-system')
			wanted=${each#*==} wanted=${wanted%%,*}
			;;
		'labels."io.kubernetes.container.name"=='*,*) fatal "$each: this stand-in knows no such filter" ;;
		'labels."io.kubernetes.container.name"=='*) wanted=${each#*==} ;;
		'labels."io.cri-containerd.kind"==sandbox'*) return ;;
		*) fatal "$each: this stand-in knows no such filter" ;;
		esac
	done
	[ $quiet = 1 ] || echo "CONTAINER    IMAGE    RUNTIME"
	running | while read -r called _ number from; do
		[ -z "$wanted" ] || [ "$called" = "$wanted" ] || continue
		if [ $quiet = 1 ]; then echo "$number"; else echo "$number    $from    io.containerd.runc.v2"; fi
	done
}

inside() { # [--exec-id ID] CONTAINER PROGRAM...
	case ${1:-} in --exec-id) shift 2 ;; --exec-id=*) shift ;; *) fatal "exec id must not be empty: invalid argument" ;; esac
	{ [ "$namespace" = k8s.io ] && name_of "$1"; } || fatal "no running task found: task $1 not found: not found"
	shift
	[ -x "/run/rootfs/$name/usr/local/bin/$1" ] ||
		fatal "OCI runtime exec failed: exec failed: unable to start container process: exec: \"$1\": executable file not found in \$PATH: unknown"
	exec env -i PATH=/usr/local/bin "$(command -v chroot)" "/run/rootfs/$name" "$@"
}

images() { # [-q] [name==IMAGE]
	[ "${1:-}" = -q ] || echo "REF TYPE DIGEST SIZE PLATFORMS LABELS"
	while IFS= read -r image; do
		case $* in *name==*) case $* in *"name==$image" | *"name==\"$image\"") ;; *) continue ;; esac ;; esac
		if [ "${1:-}" = -q ]; then echo "$image"; else
			echo "$image application/vnd.docker.distribution.manifest.list.v2+json sha256:$(echo "$image" | sha256sum | cut -c 1-64) 92.4 MiB linux/amd64 io.cri-containerd.image=managed"
		fi
	done </var/lib/images
}

mounted() { # [OPTIONS] IMAGE DIRECTORY: read-only, as ctr does unless told otherwise
	while :; do case ${1:-} in --snapshotter) shift 2 ;; -*) shift ;; *) break ;; esac done
	{ [ "$namespace" = k8s.io ] && grep -qxF -- "$1" /var/lib/images; } || fatal "image \"$1\": not found"
	[ -d "$2" ] || fatal "failed to mount: no such file or directory"
	{ fill "$1" "$2" && mount -o remount,ro "$2"; } || fatal "failed to mount"
	echo "$2"
}

case $subject/$verb in
t/ls | t/list | task*/ls | task*/list)
	echo "TASK    PID    STATUS"
	running | while read -r _ process number _; do echo "$number    $process    RUNNING"; done
	;;
t/exec | task*/exec) inside "$@" ;;
c/ls | c/list | container*/ls | container*/list) containers "$@" ;;
i/ls | i/list | image*/ls | image*/list) images "$@" ;;
i/mount | image*/mount) mounted "$@" ;;
i/unmount | image*/unmount)
	while :; do case ${1:-} in --snapshotter) shift 2 ;; -*) shift ;; *) break ;; esac done
	umount -R "$1" || fatal "failed to unmount"
	echo "$1"
	;;
*) fatal "No help topic for '$subject $verb'" ;;
esac
