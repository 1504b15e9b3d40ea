# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# Have the vendor's cluster-backup.sh make a pair of files, check both, send the snapshot in compressed parts to presigned
# URLs, and keep the archive of static resources in ./kept for openshift_bundle.sh, a step of its own: it may hold the
# keys of an encryption at rest. Needs common.sh, containers.sh, openshift.sh and sending.sh.
#
# Variables: those of sending.sh, how (openshift), pod_namespace, vendor_s (how long the vendor's script may take), force (1:
# --force, where the script knows it), keep_at (empty: ./kept; a folder for an archive that is to stay on this host).
# Everything else lies in ./work and ./kept.
#
# The vendor's script removes what it made when a command of it fails, and not when it gives up by itself; nor does it end
# by itself when a tool of it hangs. What it made lies in ./work, so that it goes with it.
: "${cluster_backup:=/usr/local/bin/cluster-backup.sh}" "${force:=}" "${keep_at:=}"
SAVED="snapshot db and kube resources are successfully saved to"
DIRTY=__POSSIBLY_DIRTY__
pair=$PWD/work/pair vendor="" dirty="" kept=${keep_at:-$PWD/kept}

clean() {
	trap '' TERM INT HUP
	[ -z "$vendor" ] || end_vendor
	# shellcheck disable=SC2086 # one word each
	[ -z "$jobs" ] || kill $jobs 2>/dev/null
	[ ! -f leftovers ] || rm -rf -- "$kept"
	remove_work
}

of_vendor() { # the processes of the vendor's script and of what it started: they have its environment
	# shellcheck disable=SC2013 # one path of /proc each
	for each in $(grep -lzxF -- "HOLDFAST_STEP=$PWD" /proc/[0-9]*/environ 2>/dev/null); do
		each=${each#/proc/}
		echo "${each%/*}"
	done
}

end_vendor() { # its trap may clean up; what does not end at a signal is killed
	kill "$vendor" 2>/dev/null # it may not have become the script yet
	tries=0
	# shellcheck disable=SC2046 # one word each
	while [ -n "$(of_vendor)" ] && [ $tries -lt 5 ]; do
		kill $(of_vendor) 2>/dev/null
		sleep 1
		tries=$((tries + 1))
	done
	# shellcheck disable=SC2046
	[ -z "$(of_vendor)" ] || kill -KILL $(of_vendor) 2>/dev/null
	vendor=""
}

enough_space() { # the pair, and a second copy of the snapshot in packed parts
	wanted=$((expected_bytes * 2)) here=$(free_bytes .)
	[ "$here" -ge $wanted ] ||
		give_up node_disk_short "$PWD has $here bytes free; a snapshot of $expected_bytes needs $wanted there"
}

ask_proxy() { # for the pull of etcd's image, which most runs need not; as it is now, so that no plan holds its password
	: >work/proxy
	# Its status is what the operator made of the specification: it also has what is always reached without a proxy.
	ask_oc get proxy cluster -o jsonpath='{.status.httpProxy}{"\n"}{.status.httpsProxy}{"\n"}{.status.noProxy}{"\n"}' \
		>work/proxy 2>work/tool </dev/null ||
		warn "the cluster's proxy is not known: $(last_words work/tool)"
}

set_proxy() { # NAME LINE: for the vendor's script alone; what we send goes as the node's own settings say
	value=$(sed -n "$2p" work/proxy)
	[ -z "$value" ] || export "$1=$value"
}

as_vendor() { # ARGUMENTS: in place of a subshell, with the modes that the script meets when a person runs it
	umask 022
	set_proxy HTTP_PROXY 1
	set_proxy HTTPS_PROXY 2
	set_proxy NO_PROXY 3
	export "HOLDFAST_STEP=$PWD"
	exec "$cluster_backup" "$@"
}

run_vendor() { # leaves its words in work/vendor
	[ -x "$cluster_backup" ] || give_up openshift_script_missing "$cluster_backup is not on the host"
	set -- "$pair"
	if [ "$force" = 1 ]; then
		# Releases before 4.6 ask no operator, and have nothing to skip.
		if grep -q -e --force "$cluster_backup"; then set -- --force "$@"; fi
	fi
	aloud work/vendor as_vendor "$@" </dev/null &
	vendor=$! waited=0
	while kill -0 $vendor 2>/dev/null; do
		if [ $waited -ge "$vendor_s" ]; then
			said=$(tail -n 1 work/vendor)
			end_vendor
			cat work/vendor
			give_up openshift_backup_timeout "cluster-backup.sh did not end within $vendor_s s; it said last: $said"
		fi
		sleep 1
		waited=$((waited + 1))
	done
	wait $vendor
	status=$?
	vendor=""
	cat work/vendor
	[ $status -eq 0 ] || vendor_failed $status
	grep -qF -- "$SAVED $pair" work/vendor ||
		give_up openshift_backup_unfinished "cluster-backup.sh ended well, and did not say that it saved: $(tail -n 1 work/vendor)"
}

vendor_failed() { # STATUS
	while IFS='|' read -r code words; do
		line=$(grep -F -- "$words" work/vendor | tail -n 1)
		[ -z "$line" ] || give_up "$code" "cluster-backup.sh: $line"
	done <<-END
		openshift_progressing|operator is progressing
		openshift_operators_unknown|Could not find the status of the
		openshift_not_control_plane|error finding manifests for the
		openshift_not_control_plane|error finding static-pod-resources for the
		openshift_no_etcd_pod|required dependencies not found
		openshift_no_etcdctl|Could neither pull etcdctl nor find it locally
		openshift_snapshot_corrupt|Backup integrity verification failed
		node_not_root|This script must be run as root
	END
	failed "$1" work/vendor openshift_backup_failed cluster-backup.sh
}

one_pair() { # sets stamp, database, archive and dirty
	# shellcheck disable=SC2012 # names of the vendor's, and others are refused
	names=$(ls -A "$pair" 2>/dev/null | tr '\n' ' ')
	stamp=$(printf '%s' "$names" | tr ' ' '\n' | sed -n 's/^snapshot_\(.*\)\.db$/\1/p')
	case $stamp in *"$DIRTY") dirty=1 ;; esac
	case ${stamp%"$DIRTY"} in
	[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]_[0-9][0-9][0-9][0-9][0-9][0-9]) ;;
	*) stamp=none ;;
	esac
	database=snapshot_$stamp.db archive=static_kuberesources_$stamp.tar.gz
	if [ "$names" != "$database $archive " ] || [ ! -f "$pair/$database" ] || [ ! -f "$pair/$archive" ]; then
		give_up openshift_no_pair "one snapshot and one archive of one moment were expected, and there is: ${names:-nothing}"
	fi
	[ -s "$pair/$database" ] || give_up node_snapshot_empty "cluster-backup.sh ended well, and $database is empty"
}

check_archive() { # FILE: of the four components, whose pods it must be able to start
	tar -tzf "$1" >work/names 2>work/tool ||
		failed $? work/tool openshift_archive_damaged "reading ${1##*/}"
	lacking=""
	for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
		grep -q "^\(\./\)\{0,1\}static-pod-resources/$component-pod-[0-9][0-9]*/" work/names ||
			lacking="$lacking $component"
	done
	pods=$(grep -c -e '-pod\.yaml$' work/names)
	if [ -n "$lacking" ] || [ "$pods" -lt 4 ]; then
		give_up openshift_archive_incomplete \
			"${1##*/} has $pods manifests of static pods${lacking:+ and nothing of$lacking}; one of each of four was expected"
	fi
}

keep_archive() {
	rm -rf -- "$kept" # of an earlier attempt
	{ mkdir -p -- "$kept" && mv -- "$pair/$archive" "$kept/" && printf '%s\n' "$sha256" >"$kept/database"; } 2>work/tool ||
		failed $? work/tool node_disk_full "keeping the archive"
	[ -z "$keep_at" ] || warn "the static resources of this backup stay on the host: $keep_at/$archive"
}

trap clean EXIT
trap 'exit 143' TERM INT HUP
printf '%s\n' "$kept" >leftovers || give_up node_disk_full "cannot write into $PWD"
need curl sha256sum awk sed od df dd tail head mkfifo mv tar gzip grep
make_ready
enough_space
fetch_plan
choose_container
check_member
ask_proxy
run_vendor
one_pair
check_archive "$pair/$archive"
mv -- "$pair/$database" work/snapshot.db
send_snapshot
keep_archive
rm -f leftovers
report_snapshot "$(printf %x "$member_id")" "${dirty:+,\"possibly_dirty\":true}"
