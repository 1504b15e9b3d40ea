#!/bin/sh
# kubelet on a test node: runs etcd as the manifest says while there is one, in a root directory of its own that shows
# what the manifest mounts, etcd's programs and nothing else (the image has no shell).
# usage: kubelet --version | kubelet --config=FILE [what a kubelet takes]
[ "${1:-}" != --version ] || { echo "Kubernetes v1.20.2" && exit; }
manifest=/etc/kubernetes/manifests/etcd.yaml
image=/run/etcd
pid=""

bind() { # FROM TO
	if [ -d "$1" ]; then mkdir -p "$2"; else : >>"$2"; fi
	mount --bind "$1" "$2"
}

prepare() { # anew for every container, as directories may have been exchanged meanwhile
	! mountpoint -q $image || umount -R -l $image
	mkdir -p $image
	mount -t tmpfs etcd $image
	mkdir -p $image/usr/local/bin $image/tmp
	for each in etcd etcdctl; do bind /opt/etcd/$each $image/usr/local/bin/$each; done
	for each in /dev /proc $(sed -n 's/^    - mountPath: //p' $manifest); do
		mkdir -p "$each"
		bind "$each" "$image$each"
	done
}

# What containerd calls it, and where every process tells its container.
start() {
	id=$(tr -d - </proc/sys/kernel/random/uuid)
	id=$id$(echo "$id" | rev)
	echo "0::/kubepods/burstable/pod0f2c7c16/$id" >/run/etcd.cgroup
	# shellcheck disable=SC2046 # no argument has a space
	set -- $(sed -n '/^  - command:/,/^    image:/s/^    - //p' $manifest)
	(
		mount --bind /run/etcd.cgroup "/proc/$(sh -c 'echo $PPID')/cgroup"
		# Times of a test cluster on one machine; a manifest has no such settings.
		exec env -i PATH=/usr/local/bin ETCD_UNSAFE_NO_FSYNC=true ETCD_HEARTBEAT_INTERVAL=100 \
			ETCD_ELECTION_TIMEOUT=600 ETCD_STRICT_RECONFIG_CHECK=false "$(command -v chroot)" $image "$@"
	) </dev/null >>/var/log/etcd.log 2>&1 &
	pid=$!
	echo "$pid $id" >/run/etcd.container
}

stop() {
	kill -KILL "$pid"
	wait "$pid"
	pid=""
	rm -f /run/etcd.container
}

while :; do
	[ -z "$pid" ] || kill -0 "$pid" 2>/dev/null || stop 2>/dev/null
	if [ -f $manifest ]; then
		[ -n "$pid" ] || { prepare && start; }
	elif [ -n "$pid" ]; then
		stop
	fi
	sleep 0.1
done
