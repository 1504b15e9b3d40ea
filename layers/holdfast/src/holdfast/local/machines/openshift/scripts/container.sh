# shellcheck shell=sh
# A container's first process, in a mount namespace of its own: makes its root directory, which is gone with it, then
# becomes what the pod wants to run. usage: container.sh ROOT NAMESPACE [FROM TO]... -- NAME=VALUE... PROGRAM ARGUMENTS...
root=$1 namespace=$2
shift 2

bind() { # FROM TO
	if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}" && : >>"$2"; fi
	mount --rbind "$1" "$2"
}

mkdir -p "$root"
mount -t tmpfs image "$root"
mkdir -p "$root/tmp" "$root/opt" "$root/run" "$root/etc" "$root/var"
for each in /proc /dev /usr; do bind $each "$root$each"; done
mount -t tmpfs local "$root/usr/local"
mkdir -p "$root/usr/local/bin"
for each in bin sbin lib lib32 lib64 libx32; do
	if [ -L /$each ]; then
		ln -s "$(readlink /$each)" "$root/$each"
	elif [ -d /$each ]; then
		bind /$each "$root/$each"
	fi
done
for each in alternatives hosts ld.so.cache; do [ ! -e /etc/$each ] || bind /etc/$each "$root/etc/$each"; done
case $namespace in
openshift-etcd) for each in etcd etcdctl etcdutl; do bind /opt/etcd/$each "$root/usr/local/bin/$each"; done ;;
openshift-kube-apiserver)
	for each in python holdfast; do bind /opt/$each "$root/opt/$each"; done
	cat >"$root/usr/local/bin/kube-apiserver" <<-END
		#!/bin/sh
		export PYTHONHOME=/opt/python PYTHONPATH=/opt/holdfast LD_LIBRARY_PATH=/opt/python/lib
		exec $(echo /opt/python/bin/python3.[0-9]*[0-9]) -S -B -m holdfast.local.machines.apiserver "\$@"
	END
	chmod 755 "$root/usr/local/bin/kube-apiserver"
	;;
esac
while [ "$1" != -- ]; do
	bind "$1" "$root$2"
	shift 2
done
shift
exec env -i "$(command -v chroot)" "$root" /usr/bin/env -i "$@"
