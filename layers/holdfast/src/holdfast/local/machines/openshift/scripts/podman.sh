# shellcheck shell=sh
# podman on a host: pull, create, cp and rm of etcd's image. /run/podman.fault may hold "away" (the registry does not
# answer), or "proxy" (it does so only through a proxy, which HTTPS_PROXY has to name).
fault=$(cat /run/podman.fault 2>/dev/null)
verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
--version) echo "podman version 5.2.2" ;;
pull)
	for image in "$@"; do :; done
	if [ "$fault" = away ] || { [ "$fault" = proxy ] && [ -z "${HTTPS_PROXY:-}" ]; }; then
		echo "Error: initializing source docker://$image: pinging container registry: dial tcp: i/o timeout" >&2
		exit 125
	fi
	echo "sha256:$(printf '%s' "$image" | sha256sum | cut -c 1-64)"
	;;
create) echo "holdfast$(cut -c 1-8 </proc/sys/kernel/random/uuid)" ;;
cp) cp -f "/opt/etcd/${1##*/}" "$2" ;;
rm) echo "$1" ;;
*)
	echo "Error: unrecognized command \`podman $verb\`" >&2
	exit 125
	;;
esac
