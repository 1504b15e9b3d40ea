# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# Save a snapshot of this node's etcd, check it, and send it in compressed parts to presigned URLs.
# Needs common.sh, containers.sh and sending.sh.
#
# Variables: those of sending.sh, how (container, host, file), host_data_dir, data_dir, ca, cert, key_file, file.
# Everything lies in ./work but the file that etcdctl writes inside its container.
saved="" container_saved="" saving=0

clean() {
	trap '' TERM INT HUP
	# The runtime's client ends at a signal, what it started in the container does not.
	if [ $saving -eq 1 ] && [ -n "$container_saved" ]; then
		# shellcheck disable=SC2013 # one path of /proc each
		for each in $(grep -lzxF -- "$container_saved" /proc/[0-9]*/cmdline 2>/dev/null); do
			each=${each#/proc/}
			[ "${each%/*}" = $$ ] || kill "${each%/*}" 2>/dev/null
		done
	fi
	# shellcheck disable=SC2086 # one word each
	[ -z "$jobs" ] || kill $jobs 2>/dev/null
	[ -z "$saved" ] || rm -f -- "$saved" "$saved.part"
	remove_work
}

enough_space() {
	wanted=$((expected_bytes * 2)) here=$(free_bytes .)
	[ "$here" -ge $wanted ] ||
		give_up node_disk_short "$PWD has $here bytes free; a snapshot of $expected_bytes needs $wanted there"
	[ "$how" = container ] || return 0
	[ "$(file_system .)" != "$(file_system "$host_data_dir")" ] || return 0
	there=$(free_bytes "$host_data_dir")
	[ "$there" -ge "$expected_bytes" ] ||
		give_up node_disk_short "$host_data_dir has $there bytes free; the snapshot of $expected_bytes is written there first"
}

note_leftovers() { # before there is any
	case $how in
	file) saved=$file ;;
	host) saved=$PWD/work/saved.db ;;
	container)
		saved=$host_data_dir/holdfast-${PWD##*/}.db
		container_saved=$data_dir/${saved##*/}
		;;
	esac
	printf '%s\n' "$saved" "$saved.part" >leftovers || give_up node_disk_full "cannot write into $PWD"
}

sweep() { # what runs that died have left beside etcd's data; no run is as old as that (its lease ends after two hours)
	[ "$how" = host ] ||
		find "$host_data_dir" -maxdepth 1 -type f -name 'holdfast-*.db*' -mmin +150 -exec rm -f -- {} + 2>/dev/null
}

save() { # into work/snapshot.db
	if [ "$how" != file ]; then
		saving=1
		etcdctl_there snapshot save "${container_saved:-$saved}" >work/tool 2>&1
		status=$?
		saving=0
		cat work/tool
		[ $status -eq 0 ] || failed $status work/tool node_snapshot_failed "etcdctl snapshot save"
	fi
	[ -s "$saved" ] || give_up node_snapshot_empty "etcdctl ended well, and $saved is missing or empty"
	mv -- "$saved" work/snapshot.db 2>work/tool || failed $? work/tool node_disk_full "moving the snapshot out of $saved"
}

trap clean EXIT
trap 'exit 143' TERM INT HUP
note_leftovers
need curl sha256sum awk sed od df dd tail head mkfifo mv
[ "$how" != host ] || need etcdctl
make_ready
sweep
enough_space
fetch_plan
[ "$how" != container ] || choose_container
[ "$how" = file ] || check_member
save
send_snapshot
member=""
[ -z "$member_id" ] || [ "$how" = file ] || member=$(printf %x "$member_id")
report_snapshot "$member"
