# shellcheck shell=sh disable=SC2154 # runtime.sh sets pid, id and attempt
# kubelet on a machine: runs the container of every static pod's manifest for as long as it lies there, and starts it
# again when it ends (three times at once, then once a second). etcd gets a root directory that shows what its manifest
# mounts, etcd's programs and nothing else; the API server is our stand-in, every other program sleeps. With
# --register-node it tells the API server of its node each second: the node, and the lease of it.
# It is a double: no sandboxes, no probes, no pods but those of one container, and no status of its own.
# usage: kubelet --version | kubelet --config=FILE --node-ip=ADDRESS [--register-node] [what a kubelet takes]
[ "${1:-}" != --version ] || { echo "Kubernetes v1.20.2" && exit; }
manifests=/etc/kubernetes/manifests
ip=127.0.0.1 register=0
for each in "$@"; do
	case $each in --node-ip=*) ip=${each#*=} ;; --register-node) register=1 ;; esac
done
mkdir -p /run/containers /run/rootfs /run/pods /run/names

prepare() { # NAME MANIFEST: anew for every container, as directories may have been exchanged meanwhile
	! mountpoint -q "/run/rootfs/$1" || umount -R -l "/run/rootfs/$1"
	mkdir -p "/run/rootfs/$1"
	fill "$image" "/run/rootfs/$1"
	for each in /dev /proc $(sed -n 's/^    - mountPath: //p' "$2"); do
		mkdir -p "$each"
		bind "$each" "/run/rootfs/$1$each"
	done
}

linked() { # NAME PROGRAM: the program under the container's name
	mkdir -p "/run/rootfs/$1"
	ln -sfn "$2" "/run/rootfs/$1/$1"
}

start() { # NAME MANIFEST ATTEMPT
	name=$1 manifest=$2 attempt=$3
	image=$(sed -n 's/^    image: //p' "$manifest")
	grep -qxF -- "$image" /var/lib/images || return
	id=$(tr -d - </proc/sys/kernel/random/uuid)
	id=$id$(echo "$id" | rev)
	# What containerd calls it, and where every process tells its container.
	echo "0::/kubepods/burstable/pod0f2c7c16/$id" >"/run/$name.cgroup"
	# shellcheck disable=SC2046 # no argument has a space
	set -- $(sed -n '/^  - command:/,/^    image:/s/^    - //p' "$manifest")
	case $name in
	etcd)
		prepare "$name" "$manifest"
		# Times of a test cluster on one machine; a manifest has no such settings.
		set -- PATH=/usr/local/bin ETCD_UNSAFE_NO_FSYNC=true ETCD_HEARTBEAT_INTERVAL=100 ETCD_ELECTION_TIMEOUT=600 \
			ETCD_STRICT_RECONFIG_CHECK=false "$(command -v chroot)" "/run/rootfs/$name" "$@"
		;;
	kube-apiserver)
		shift
		linked "$name" "$(echo /opt/python/bin/python3.[0-9]*[0-9])"
		set -- PYTHONHOME=/opt/python PYTHONPATH=/opt/holdfast LD_LIBRARY_PATH=/opt/python/lib \
			"/run/rootfs/$name/$name" -S -B -m holdfast.local.machines.apiserver "$@"
		;;
	*)
		linked "$name" "$(command -v sleep)"
		set -- "/run/rootfs/$name/$name" infinity
		;;
	esac
	(
		mount --bind "/run/$name.cgroup" "/proc/$(sh -c 'echo $PPID')/cgroup"
		exec env -i "$@"
	) </dev/null >>"/var/log/$name.log" 2>&1 &
	echo "$! $id $attempt $image" >"/run/containers/$name.new"
	mv "/run/containers/$name.new" "/run/containers/$name"
}

ended() { # NAME...: whether none of them runs any more
	for each in "$@"; do ! runs "$each" || return; done
}

stop() { # MANIFEST'S NAME...: all at once, so that one that takes its time holds up no other; 0.3 s of grace
	names=""
	for base in "$@"; do
		read -r name <"/run/names/$base"
		names="$names $name"
		! runs "$name" || kill -TERM "$pid"
	done
	tries=0
	# shellcheck disable=SC2086 # split into names on purpose
	until ended $names; do
		tries=$((tries + 1))
		[ $tries -lt 6 ] || for name in $names; do ! runs "$name" || kill -KILL "$pid"; done
		sleep 0.05
	done
	for name in $names; do
		! mountpoint -q "/run/rootfs/$name" || umount -R -l "/run/rootfs/$name"
		rm -f "/run/containers/$name"
	done
	for base in "$@"; do rm -f "/run/pods/$base" "/run/names/$base"; done
}

told() { # METHOD PATH, the object on standard input: the status of the API server's answer
	curl -s -o /dev/null -w '%{http_code}' --max-time 3 --cacert /etc/kubernetes/pki/ca.crt \
		--cert /var/lib/kubelet/pki/kubelet-client-current.pem -H 'Content-Type: application/json' \
		-X "$1" --data-binary @- "https://$ip:6443$2"
}

lease() {
	cat <<-END
		{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
		"metadata": {"name": "$node", "namespace": "kube-node-lease"},
		"spec": {"holderIdentity": "$node", "leaseDurationSeconds": 40, "renewTime": "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)"}}
	END
}

this_node() {
	cat <<-END
		{"apiVersion": "v1", "kind": "Node",
		"metadata": {"name": "$node", "labels": {"node-role.kubernetes.io/control-plane": ""}},
		"status": {"addresses": [{"type": "InternalIP", "address": "$ip"}], "nodeInfo": {"kubeletVersion": "v1.20.2"}}}
	END
}

store() { # OBJECT COLLECTION: replaced, or made when the API server knows none; the status of the answer
	status=$($1 | told PUT "$2/$node")
	[ "$status" != 404 ] || status=$($1 | told POST "$2")
	echo "$status"
}

renew() { # while this kubelet runs
	node=$(uname -n) known=""
	while kill -0 $$ 2>/dev/null; do
		if [ "$known" != 200 ]; then
			known=$(store this_node /api/v1/nodes)
			[ "$known" != 200 ] || known=$(this_node | told PUT "/api/v1/nodes/$node/status")
		fi
		[ "$(store lease /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases)" = 200 ] || known=""
		sleep 1
	done
}

[ $register = 0 ] || renew &
tick=0
while :; do
	gone="" tick=$(((tick + 1) % 10))
	for copy in /run/pods/*; do
		base=${copy##*/}
		file=$manifests/$base
		[ -f "$copy" ] || continue
		# shellcheck disable=SC3013 # dash, bash and busybox all compare times
		if [ ! -f "$file" ] || [ "$file" -nt "$copy" ] || [ "$file" -ot "$copy" ]; then gone="$gone $base"; fi
	done
	# shellcheck disable=SC2086 # split into names on purpose
	[ -z "$gone" ] || stop $gone
	for file in "$manifests"/*; do
		[ -f "$file" ] || continue
		copy=/run/pods/${file##*/}
		if [ ! -f "$copy" ]; then
			cp -p "$file" "$copy" || continue
			sed -n 's/^    name: //p' "$copy" | head -n 1 >"/run/names/${file##*/}"
		fi
		read -r name <"/run/names/${file##*/}"
		runs "$name" && continue
		if [ ! -f "/run/containers/$name" ]; then
			start "$name" "$copy" 0
		elif [ "$attempt" -lt 3 ] || [ $tick = 0 ]; then
			start "$name" "$copy" $((attempt + 1))
		fi
	done
	sleep 0.1
done
