# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text, or used after it
# What the scripts of a restore (restore/*.sh) share. Goes after containers.sh, and after common.sh or by_hand.sh.

uptime_s() { # a clock that nobody sets
	read -r up _ </proc/uptime
	echo "${up%%.*}"
}

wait_for() { # COMMAND...: until it succeeds; fails after limit_s seconds. It is tried every second, or every_s
	until_s=$(($(uptime_s) + limit_s)) said_before=${said:-}
	until "$@"; do
		[ "$(uptime_s)" -lt $until_s ] || return 1
		# What it says it still lacks: whoever looks at the step is shown it.
		if [ "${said:-}" != "$said_before" ]; then
			said_before=$said
			say "$said"
		fi
		sleep "${every_s:-1}"
	done
}

stopped_by() { # CODE WHAT SAID: give up with a tool's last words; a full disk has its own code
	case $3 in
	*[Nn]'o space left'* | *[Ff]'ile too large'* | *[Dd]'isk quota'*) set -- restore_disk_full "$2" "$3" ;;
	esac
	give_up "$1" "$2: $(printf '%s\n' "$3" | tail -n 3 | tr '\n' ' ')"
}

# Where this restore keeps what it makes and what it replaces.

apart() { # DIRECTORY: whether renames between it and where it lies would cross file systems
	[ -L "$1" ] || [ "$(stat -c %d "$1/.")" != "$(stat -c %d "$1/..")" ] ||
		awk -v dir="$(cd "$1" && pwd -P)" '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo
}

keep_dir() { # keep is beside the data directory, or in it where that is a file system of its own
	if [ -d "$data_dir" ] && apart "$data_dir"; then keep=$data_dir/.holdfast-${keep##*.holdfast-}; fi
}

make_keep() {
	keep_dir
	said=$(mkdir -p "$keep" 2>&1 && chmod 700 "$keep" 2>&1) || stopped_by restore_tool_failed "making $keep" "$said"
}

move() { # FROM TO: one rename, or nothing
	[ "$(stat -c %d "${1%/*}")" = "$(stat -c %d "${2%/*}")" ] ||
		give_up restore_layout_unsupported "$1 and $2 are on different file systems"
	said=$(mv "$1" "$2" 2>&1) || stopped_by restore_tool_failed "moving $1 to $2" "$said"
}

not_in_use() { # an etcd that runs holds a lock on its database
	db=$data_dir/member/snap/db
	[ -f "$db" ] || return 0
	if command -v flock >/dev/null; then
		flock -n 3 3<"$db" && return 0
	else
		grep -q ":$(stat -c %i "$db") " /proc/locks || return 0
	fi
	give_up restore_etcd_still_runs "a process holds the lock on $db"
}

check_place() { # that the data are a folder of one file system, as etcd makes them; a wal that is lost is no reason
	place=$data_dir/member
	[ ! -L "$place/wal" ] || give_up restore_layout_unsupported "$place/wal is a link: etcd keeps it elsewhere"
	place=$(cd "$data_dir" 2>/dev/null && pwd -P)/member
	awk -v dir="$place/" 'index($5 "/", dir) == 1 { exit 1 }' /proc/self/mountinfo ||
		give_up restore_layout_unsupported "there is a mount point at or below $place"
}

look_like_before() { # DIRECTORY: owner, mode and SELinux label of the data that it replaces; sets owner and mode
	like=$data_dir/member owner=0:0 mode=700
	[ -e "$like" ] || like=$data_dir
	[ ! -e "$like" ] || owner=$(stat -c %u:%g "$like")
	[ ! -e "$data_dir/member" ] || mode=$(stat -c %a "$data_dir/member")
	said=$({
		chown -R "$owner" "$1" && chmod "$mode" "$1" || exit 1
		[ ! -e /sys/fs/selinux/enforce ] || [ ! -e "$like" ] || chcon -R --reference="$like" "$1"
	} 2>&1) || stopped_by restore_tool_failed "owner, mode and label of the new data" "$said"
}

body_sha256() { # FILE BYTES: of its first bytes
	{ dd bs=131072 count=$(($2 / 131072)) && dd bs=512 count=$(($2 % 131072 / 512)); } 2>/dev/null <"$1" |
		sha256sum | cut -d ' ' -f 1
}

snapshot_is() { # FILE SHA256: that is its hash, and stands in its last 32 bytes
	bytes=$(($(wc -c <"$1") - 32))
	[ $bytes -gt 0 ] && [ $((bytes % 512)) -eq 0 ] && [ "$(body_sha256 "$1" $bytes)" = "$2" ] &&
		[ "$(tail -c 32 "$1" | od -An -v -t x1 | tr -d ' \n')" = "$2" ]
}

# Files of a secrets bundle.

same_file() { # ONE OTHER
	[ -L "$1" ] && [ -L "$2" ] && [ "$(readlink "$1")" = "$(readlink "$2")" ] && return 0
	[ ! -L "$1" ] && [ ! -L "$2" ] && [ -f "$1" ] && [ -f "$2" ] &&
		[ "$(stat -c '%a %u:%g' "$1")" = "$(stat -c '%a %u:%g' "$2")" ] && [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}

place_of() { # PATH in the bundle: where it belongs; manifests of pods that are stopped go aside, so that none starts
	if printf '%s\n' "$pods" | grep -q " $1\$"; then echo "$aside/${1##*/}"; else echo "$1"; fi
}

note_brought() { # PATH that was not there, a folder's with / at its end. A disk may have been full in the middle of a line
	printf '\n%s\n' "$1" >>"$keep/brought"
}

put_file() { # FROM TO [OLD]: a copy of FROM becomes TO; what was there first is kept as OLD, or noted as not there
	next=${2%/*}/.holdfast.new
	rm -f "$next"
	! same_file "$1" "$2" || return 0
	[ -L "$2" ] || [ ! -d "$2" ] || give_up restore_layout_unsupported "$2 is a folder here and a file in the bundle"
	said=$({
		if [ $# -eq 2 ] || [ -e "$3" ] || [ -L "$3" ]; then
			:
		elif [ -e "$2" ] || [ -L "$2" ]; then
			mkdir -p "${3%/*}" && cp -Pp "$2" "$keep/old-files.new" && mv -f "$keep/old-files.new" "$3" || exit 1
		else
			note_brought "$2" || exit 1
		fi
		[ ! -L "$2" ] || rm -f "$2" || exit 1
		cp -Pp "$1" "$next" && mv -f "$next" "$2" || exit 1
		[ -z "$(command -v restorecon)" ] || restorecon "$2"
	} 2>&1) || stopped_by restore_tool_failed "writing $2" "$said"
}

# Static pods. pods is lines of "CONTAINER MANIFEST".

put() { # FROM TO: move a manifest; nothing to do when it is there already
	if [ ! -e "$1" ]; then
		[ -e "$2" ] || give_up restore_manifest_missing "neither $1 nor $2 is there"
		return 0
	fi
	if [ -e "$2" ] && [ "$(cat "$1")" != "$(cat "$2")" ]; then
		give_up restore_manifest_twice "$1 and $2 are both there and differ"
	fi
	said=$(mv -f "$1" "$2" 2>&1) || stopped_by restore_tool_failed "moving $1 to $2" "$said"
}

move_pods() { # out or back
	printf '%s\n' "$pods" | while read -r container path; do
		case $1 in
		out) put "$path" "$aside/${path##*/}" ;;
		back) rm -f "$aside/.holdfast.new" && put "$aside/${path##*/}" "$path" ;;
		esac
	done || exit 1
}

answers() { # RUNTIME; a crictl that knows no labels may show nothing of what runs
	case $1 in
	crictl) crictl ps --help | grep -q -e --label && crictl ps -q ;;
	ctr) ctr -n k8s.io tasks list ;;
	docker) docker ps -q ;;
	esac >/dev/null 2>&1
}

sandboxes_in() { # RUNTIME NAME: of this node's static pod of that name; kubelet may start its container again
	host=$(uname -n)
	host="$2-(${node_name:-$host|${host%%.*}})\$"
	case $1 in
	crictl) crictl pods -q --state ready --namespace kube-system --name "^$host" ;;
	ctr)
		running=$(running_tasks) || return 1
		[ -n "$running" ] || return 0
		of_name=$(ctr -n k8s.io containers list -q \
			"labels.\"io.cri-containerd.kind\"==sandbox,labels.\"io.kubernetes.pod.name\"~=\"^$host\"") || return 1
		printf '%s\n' "$of_name" | grep -xF -- "$running" || true
		;;
	docker)
		of_name=$(docker ps --filter label=io.kubernetes.container.name=POD --format '{{.Label "io.kubernetes.pod.name"}}') || return 1
		printf '%s\n' "$of_name" | grep -E "^$host" || true
		;;
	esac
}

look_for() { # CONTAINER [sandbox]: sets found to what runs of it; fails when no runtime tells, or one fails to
	found="" told=1
	for client in crictl ctr docker; do
		if ! command -v $client >/dev/null || ! answers $client; then continue; fi
		told=0
		ids=$(running_in $client "$1" 2>/dev/null) || return 1
		[ -z "${2:-}" ] || ids=$ids$(sandboxes_in $client "$1" 2>/dev/null) || return 1
		found=$found$ids
	done
	return $told
}

no_pod_runs() {
	printf '%s\n' "$pods" | while read -r container path; do
		look_for "$container" sandbox && [ -z "$found" ] || exit 1
	done
}

every_pod_runs() {
	printf '%s\n' "$pods" | while read -r container path; do
		look_for "$container" && [ -n "$found" ] || exit 1
	done
}

pod_names() { # as JSON strings
	printf '%s\n' "$pods" | awk '{ printf "%s\"%s\"", comma, $1; comma = "," }'
}

# The tool that restores: of etcd's own image for a static pod, else the host's.

image_dir=${image_dir:-/var/lib/holdfast/image}

restores() { # TOOL: etcdctl 3.6 cannot
	ETCDCTL_API=3 "$1" snapshot restore --help 2>&1 | grep -q initial-cluster-token
}

tool_in() { # DIRECTORY...: sets tool
	for name_of_tool in etcdutl etcdctl; do
		for folder in "$@"; do
			tool=$folder/$name_of_tool
			if [ -x "$tool" ] && restores "$tool"; then return 0; fi
		done
	done
	tool=""
	return 1
}

snapshotters() { # of containerd, beside its default
	ctr plugins list 2>/dev/null | awk '/snapshotter/ && $NF == "ok" { print $2 }'
}

close_image() {
	if [ -d "$image_dir" ]; then
		for storage in "" $(snapshotters); do
			ctr -n k8s.io images unmount --rm ${storage:+--snapshotter "$storage"} "$image_dir" >/dev/null 2>&1
		done
		apart "$image_dir" || rm -rf "$image_dir"
	fi
}

open_image() { # NAME: its programs below image_dir; an image that is not on the node is not pulled
	close_image
	mkdir -p "$image_dir"
	if command -v ctr >/dev/null; then
		for storage in "" $(snapshotters); do
			ctr -n k8s.io images mount ${storage:+--snapshotter "$storage"} "$1" "$image_dir" >/dev/null 2>&1 && return
		done
	fi
	for client in docker podman; do
		if ! $client image inspect "$1" >/dev/null 2>&1; then continue; fi
		mkdir -p "$image_dir/usr/local"
		copied=$($client create "$1" etcd)
		$client cp "$copied:/usr/local/bin" "$image_dir/usr/local/bin" >/dev/null 2>&1
		$client rm "$copied" >/dev/null 2>&1
		return
	done
}

find_tool() { # sets tool and tool_version, "etcdutl 3.5.1"; fails when there is none
	tool=""
	if [ "$how" = container ]; then
		trap close_image EXIT
		trap 'exit 143' TERM INT HUP
		for image in "$etcd_image" "${etcd_image%%@*}" "docker.io/$etcd_image"; do
			open_image "$image"
			! tool_in "$image_dir/usr/local/bin" "$image_dir/usr/bin" "$image_dir/bin" "$image_dir/opt/bitnami/etcd/bin" || break
		done
	fi
	if [ -z "$tool" ]; then
		# shellcheck disable=SC2046 # split into directories on purpose
		tool_in $(printf '%s' "$PATH" | tr ':' ' ') || return 1
	fi
	tool_version=$(ETCDCTL_API=3 "$tool" version | sed -n 's/^\(etcd[a-z]*\) version: */\1 /p')
}

bumps() { # whether the tool can put revisions ahead of everything that was seen: from 3.4.27 and 3.5.10 on
	ETCDCTL_API=3 "$tool" snapshot restore --help 2>&1 | grep -q -e --bump-revision
}

# Questions to etcd and to the API server.

ask_etcd() { # ARGUMENTS: what etcdctl says, errors and all, where the member is
	if in_container; then find_container "$etcd_name" 2>/dev/null || return 1; fi
	etcdctl_there --command-timeout 8s "$@" 2>&1 </dev/null
}

at_or_now() { # sets at to a revision that can be read: 0 stands for now, and so does one that is compacted
	said="" status=$(ask_etcd endpoint status -w json) || return 1
	said=$(ask_etcd get / --limit 1 --keys-only --rev "$at") || case $said in *compacted*) at=0 ;; *) return 1 ;; esac
	[ "$at" != 0 ] || at=$(printf '%s' "$status" | number revision)
}

number() { # NAME, with JSON on standard input: 0 where it is left out
	value=$(tr -d ' \n' | sed -n "s/.*\"$1\":\"\{0,1\}\(-\{0,1\}[0-9][0-9]*\).*/\1/p")
	echo "${value:-0}"
}

ask_api() { # METHOD PATH [BODY]: the API server's answer, as one line; fails when that is no success
	method=$1 where=$api_url$2
	shift 2
	[ $# -eq 0 ] || set -- -H 'Content-Type: application/json' -d "$1"
	answer=$(curl -q -sS -f -g -m 15 --noproxy '*' --cacert "$api_ca" --cert "$api_cert" --key "$api_key" \
		-X "$method" "$@" "$where")
	failed=$?
	printf '%s' "$answer" | tr -d '\n'
	return $failed
}

# Quorum. A voter counts as healthy when it answers a read that all have to agree to.

count_voters() { # sets members, voters, healthy; healthy_others is without member_id. Fails when there is no list
	members=$(ask_etcd member list) || return 1
	health=$(ask_etcd endpoint health --cluster)
	# shellcheck disable=SC2046 # three numbers
	set -- $(printf '%s\n' "$health" "" "$members" | awk -F ', ' -v id="${member_id:-}" '
		/ is healthy/ { split($0, words, " "); well[words[1]] = 1 }
		NF >= 5 && $6 != "true" {
			voters++
			count = split($5, urls, ",")
			for (number = 1; number <= count; number++) if (urls[number] in well) {
				healthy++
				if ($1 != id) others++
				break
			}
		}
		END { print voters + 0, healthy + 0, others + 0 }')
	voters=$1 healthy=$2 healthy_others=$3
}

need_voters() {
	count_voters || give_up quorum_would_be_lost "the members cannot be listed: $members"
}

need_quorum() { # HEALTHY VOTERS WHAT
	[ "$1" -ge $(($2 / 2 + 1)) ] ||
		give_up quorum_would_be_lost "$3: $1 of $2 voters would be healthy, and $(($2 / 2 + 1)) are needed"
}
