# shellcheck shell=sh disable=SC2154 # runtime.sh sets pid, id, attempt, image, fault and away
# crictl on a machine: ps (-a, -q, --name REGEX, --label KEY=VALUE, --help), pods (the same), exec and images, with
# crictl's own words. All that runs is in the namespace kube-system.
fatal() {
	echo "time=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\" level=fatal msg=\"$1\"" >&2
	exit 1
}

[ "${1:-}" != --version ] || { echo "crictl version v1.19.0" && exit; }
[ "$fault" != down ] || fatal "$away"
verb=${1:-}
shift

options() { # sets quiet and wanted; ends when help is asked for, or when nothing has the label that is asked for
	quiet=0 wanted=
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help)
			printf 'OPTIONS:\n   --all, -a      Show all\n   --label value  Filter by key=value label\n'
			printf '   --name value   filter by name\n   --quiet, -q    Only display IDs\n'
			exit
			;;
		-q | --quiet) quiet=1 ;;
		-a | --all) ;;
		--name=*) wanted=${1#*=} ;;
		--name) wanted=$2 && shift ;;
		--label)
			[ "$2" = io.kubernetes.pod.namespace=kube-system ] || exit 0
			shift
			;;
		--state | --namespace | -o | --output) shift ;;
		-*) fatal "flag provided but not defined: $1" ;;
		esac
		shift
	done
}

case $verb in
ps)
	options "$@"
	[ $quiet = 1 ] || echo "CONTAINER           IMAGE               CREATED             STATE               NAME                ATTEMPT             POD ID"
	for each in /run/containers/*; do
		name=${each##*/}
		if ! runs "$name" || ! echo "$name" | grep -qE -- "$wanted"; then continue; fi
		if [ $quiet = 1 ]; then echo "$id"; else
			printf '%.13s       %.13s       2 minutes ago       Running             %-19s %-19s %.13s\n' "$id" \
				"$(echo "$image" | sha256sum)" "$name" "$attempt" "$(echo "$id" | rev)"
		fi
	done
	;;
pods)
	options "$@"
	[ $quiet = 1 ] || echo "POD ID              CREATED             STATE               NAME                NAMESPACE           ATTEMPT"
	for each in /run/containers/*; do
		name=${each##*/}-$(uname -n)
		if [ ! -f "$each" ] || ! echo "$name" | grep -qE -- "$wanted"; then continue; fi
		runs "${each##*/}"
		id=$(echo "$id" | rev)
		if [ $quiet = 1 ]; then echo "$id"; else
			printf '%.13s       2 minutes ago       Ready               %-19s kube-system         0\n' "$id" "$name"
		fi
	done
	;;
exec)
	while :; do case ${1:-} in --timeout) shift 2 ;; -*) shift ;; *) break ;; esac done
	wanted=$1
	shift
	name_of "$wanted" || fatal "execing command in container: rpc error: code = NotFound desc = an error occurred when try to find container \\\"$wanted\\\": not found"
	[ "$fault" != silent ] || exit 0
	[ -x "/run/rootfs/$name/usr/local/bin/$1" ] ||
		fatal "execing command in container: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: container_linux.go:370: starting container process caused: exec: \\\"$1\\\": executable file not found in \$PATH: unknown"
	env -i PATH=/usr/local/bin "$(command -v chroot)" "/run/rootfs/$name" "$@"
	status=$?
	[ $status = 0 ] || fatal "execing command in container: command terminated with exit code $status"
	;;
images)
	echo "IMAGE                                TAG                 IMAGE ID            SIZE"
	while IFS= read -r image; do
		printf '%-36s %-19s %.13s       96.7MB\n' "${image%:*}" "${image##*:}" "$(echo "$image" | sha256sum)"
	done </var/lib/images
	;;
*) fatal "unknown command \\\"$verb\\\" for \\\"crictl\\\"" ;;
esac
