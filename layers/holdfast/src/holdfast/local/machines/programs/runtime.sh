# shellcheck shell=sh disable=SC2034 # those that it goes before use the variables
# What stands for containerd on a machine; goes before kubelet.sh, crictl.sh and ctr.sh.
#
#   /run/containers/NAME   "PID ID ATTEMPT IMAGE" of the container of that name; no file when it was stopped
#   /run/rootfs/NAME       its root directory
#   /var/lib/images        the images on this machine, one a line
#   /run/crictl.fault      may hold "silent" (exec does nothing and ends well) or "down" (the runtime does not answer)
fault=$(cat /run/crictl.fault 2>/dev/null)
away='connect: connect endpoint unix:///run/containerd/containerd.sock, make sure you are running as root and the endpoint has been started: context deadline exceeded'

runs() { # NAME: whether it does; sets pid, id, attempt and image
	{ read -r pid id attempt image <"/run/containers/$1"; } 2>/dev/null && kill -0 "$pid" 2>/dev/null
}

name_of() { # ID, or its beginning: sets name, pid, id, attempt and image
	for each in /run/containers/*; do
		name=${each##*/}
		runs "$name" || continue
		case $id in "$1"*) return ;; esac
	done
	return 1
}

bind() { # FROM TO
	if [ -d "$1" ]; then mkdir -p "$2"; else : >>"$2"; fi
	mount --bind "$1" "$2"
}

fill() { # IMAGE DIRECTORY: with what the image has; etcd's has no shell
	mount -t tmpfs image "$2" && mkdir -p "$2/usr/local/bin" "$2/tmp" || return
	case $1 in
	*/etcd:*) for each in etcd etcdctl; do bind "/opt/etcd/$each" "$2/usr/local/bin/$each"; done ;;
	esac
}
