#!/bin/sh
# The first process of a machine, in mount, pid and uts namespaces of its own: makes ROOT the root directory, then
# starts what the machine runs. From the host it takes /usr, read-only, and a few files of /etc that programs need;
# and, where nothing of the machine's own can be in the way, etcd's programs, a Python and Holdfast's sources.
# usage: boot.sh ROOT NAME FOLDER_OF_ETCD_BINARIES PREFIX_OF_PYTHON FOLDER_OF_HOLDFAST
set -eu
root=$1 name=$2 binaries=$3 python=$4 holdfast=$5

bind() { # FROM TO [OPTION]: the same file or folder at another place
	if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}" && : >>"$2"; fi
	mount --bind "$1" "$2"
	[ -z "${3:-}" ] || mount -o "remount,bind,$3" "$2"
}

mount --make-rprivate /
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/usr" "$root/old" "$root/run" "$root/tmp"
chmod 1777 "$root/tmp"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
bind /usr "$root/usr" ro
bind "${root%/*}/programs" "$root/usr/local/bin"
bind "$binaries" "$root/opt/etcd" ro
bind "$python" "$root/opt/python" ro
bind "$holdfast" "$root/opt/holdfast/holdfast" ro
for each in bin sbin lib lib32 lib64 libx32; do
	if [ -L "/$each" ]; then
		ln -sfn "$(readlink "/$each")" "$root/$each"
	elif [ -d "/$each" ]; then
		bind "/$each" "$root/$each" ro
	fi
done
for each in alternatives ca-certificates.conf ld.so.cache ld.so.conf ld.so.conf.d localtime login.defs nsswitch.conf pam.conf pam.d \
	security ssl; do
	[ ! -e "/etc/$each" ] || bind "$(readlink -f "/etc/$each")" "$root/etc/$each" ro
done

# What a running system has in /run is gone after a boot.
rm -rf "$root/run" && mkdir -p "$root/run/sshd" "$root/run/units"
mount -t proc proc "$root/proc"
mount --bind "$root/etc/boot_id" "$root/proc/sys/kernel/random/boot_id"
hostname "$name"

cd "$root"
pivot_root . old
umount -l /old
rmdir /old
cd /
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

for each in /etc/boot.d/*; do
	[ -x "$each" ] || continue
	"$each" </dev/null >>"/var/log/${each##*/}.log" 2>&1 &
	echo $! >"/run/units/${each##*/}"
done
: >/run/booted
# Waiting for one child, the shell takes in every other process that lost its parent, as an init does.
sleep infinity &
wait $!
