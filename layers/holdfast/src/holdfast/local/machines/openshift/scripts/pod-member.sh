# shellcheck shell=sh disable=SC2154 # the pod's environment has the variables; pod-serve.sh goes before
# A member with data goes on with them, unless the others know it no more, or not yet: then they go into an archive [inf].
# One without data waits until it was added.
list=$(env ETCDCTL_ENDPOINTS="$OTHERS" etcdctl --command-timeout=3s member list 2>/dev/null)
own=$(printf '%s\n' "$list" | grep -F " $PEER," || true)
if [ -d /var/lib/etcd/member ] && [ -n "$list" ]; then
	case $own in
	*", started, "*) ;;
	*)
		echo "the data are of no member of this cluster: they go into an archive"
		mv /var/lib/etcd/member "/var/lib/etcd/member-removed-archive-$(date +%Y-%m-%d-%H%M%S)"
		;;
	esac
fi
if [ -d /var/lib/etcd/member ]; then serve; fi
case $own in
*", unstarted, "*)
	initial=$(printf '%s\n' "$list" | awk -F ', ' '$2 == "started" { printf "%s=%s,", $3, $4 }')
	serve "--initial-cluster=$initial$MEMBER=$PEER" --initial-cluster-state=existing
	;;
esac
echo "no member of this address is to be started"
sleep 0.5
exit 1
