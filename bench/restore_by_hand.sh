#!/bin/sh
# shellcheck disable=SC2153 # variables in capitals come from the environment
# Restore the etcd of a kubeadm cluster over SSH: the steps and checks of Holdfast's restore (mode etcd), as an operator
# would have them ready for one cluster with containerd and kubeadm's paths. bench/restore.py measures it.
#
#     restore_by_hand.sh NODE...    by the names that Kubernetes and the SSH configuration have for them
#
# From the environment: SSH_CONFIG; NAME of this restore; URL, COMPRESSION and SHA256 of the snapshot; REVISION, HASH
# (HashKV at that revision) and KEYS (how many live) of its database. Asks before anything is changed, says each step
# that is done. Old data stay in /var/lib/etcd.NAME; manifests wait in /etc/kubernetes/NAME.
#
# Nodes are sent this very file, with the variables in front of it and one of these functions as its arguments.
set -eu
manifests=/etc/kubernetes/manifests pki=/etc/kubernetes/pki data=/var/lib/etcd
aside=/etc/kubernetes/$NAME keep=$data.$NAME

fail() {
	echo "$(uname -n): $*" >&2
	exit 1
}

within() { # SECONDS COMMAND...: until it succeeds
	tries=$1
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 1
	done
}

flag() { # NAME MANIFEST
	sed -n "s/^ *- --$1=//p" "$2"
}

running() { # FILTER: ids of containers and sandboxes that run
	tasks=$(ctr -n k8s.io tasks list) || return 1
	all=$(ctr -n k8s.io containers list -q "$1") || return 1
	printf '%s\n' "$tasks" | awk '$3 == "RUNNING" { print $1 }' | grep -xF -- "$all" || :
}

gone() { # PODS
	for pod in "$@"; do
		found=$(running "labels.\"io.kubernetes.pod.name\"==$pod-$NODE") && [ -z "$found" ] || return 1
	done
}

runs() { # PODS
	for pod in "$@"; do
		found=$(running "labels.\"io.kubernetes.container.name\"==$pod") && [ -n "$found" ] || return 1
	done
}

member() { # this node's part of --initial-cluster
	echo "$(flag name $manifests/etcd.yaml)=$(flag initial-advertise-peer-urls $manifests/etcd.yaml)"
}

stop() { # PODS
	[ -d "$aside" ] || mkdir -m 700 "$aside"
	for pod in "$@"; do mv "$manifests/$pod.yaml" "$aside/"; done
	within 300 gone "$@" || fail "of $* something still runs"
}

start() { # PODS
	for pod in "$@"; do mv "$aside/$pod.yaml" "$manifests/"; done
	within 300 runs "$@" || fail "of $* not all run"
}

fetch() {
	umask 077
	mkdir -p "$keep"
	printf 'url = "%s"\n' "$URL" | curl -sSf -K - -o "$keep/object" # whoever has the URL has the snapshot
	"$COMPRESSION" -dc <"$keep/object" >"$keep/snapshot.db"
	rm "$keep/object"
	body=$(head -c -32 "$keep/snapshot.db" | sha256sum | cut -d ' ' -f 1)
	trailer=$(tail -c 32 "$keep/snapshot.db" | od -An -v -t x1 | tr -d ' \n')
	[ "$body $trailer" = "$SHA256 $SHA256" ] || fail "the snapshot has another SHA-256"
}

rebuild() { # prints the ids of the new members
	mkdir -p "$keep/image"
	ctr -n k8s.io images mount "$(sed -n 's/^ *image: *//p' "$aside/etcd.yaml")" "$keep/image" >/dev/null
	tool=$keep/image/usr/local/bin/etcdutl
	[ -x "$tool" ] || tool=$keep/image/usr/local/bin/etcdctl
	said=$(ETCDCTL_API=3 "$tool" snapshot restore "$keep/snapshot.db" --data-dir "$keep/new" \
		--name "$(flag name "$aside/etcd.yaml")" --initial-cluster "$CLUSTER" --initial-cluster-token "$NAME" \
		--initial-advertise-peer-urls "$(flag initial-advertise-peer-urls "$aside/etcd.yaml")" 2>&1) || fail "$said"
	ctr -n k8s.io images unmount --rm "$keep/image" >/dev/null
	chown -R "$(stat -c %u:%g $data/member)" "$keep/new/member"
	chmod "$(stat -c %a $data/member)" "$keep/new/member"
	sync
	printf '%s\n' "$said" |
		sed -n -e 's/.*"added-peer-id": *"\([0-9a-f]*\)".*/\1/p' -e 's/.*added member \([0-9a-f]*\) .*/\1/p' | sort -u
}

swap() {
	flock -n $data/member/snap/db true || fail "etcd still runs"
	mkdir -p "$keep/old"
	mv $data/member "$keep/old/"
	mv "$keep/new/member" $data/
	sync
}

ask_etcd() { # ARGUMENTS
	container=$(running 'labels."io.kubernetes.container.name"==etcd' | head -n 1)
	ctr -n k8s.io tasks exec --exec-id "$NAME-$(cat /proc/sys/kernel/random/uuid)" "$container" etcdctl \
		--endpoints https://127.0.0.1:2379 --cacert $pki/etcd/ca.crt --cert $pki/etcd/healthcheck-client.crt \
		--key $pki/etcd/healthcheck-client.key --command-timeout 8s "$@" 2>/dev/null
}

is_ready() {
	ask_etcd endpoint health >/dev/null || return 1
	leader=$(ask_etcd endpoint status -w json | sed -n 's/.*"leader":\([0-9]*\).*/\1/p')
	voters=$(ask_etcd member list | grep -c ', started, .*, false$')
	hash=$(ask_etcd endpoint hashkv --rev "$REVISION" -w json | sed -n 's/.*"hash":\([0-9]*\).*/\1/p')
	[ -n "$leader" ] && [ "$voters" -eq "$MEMBERS" ] && [ -n "$hash" ]
}

etcd_ready() { # prints the leader, and HashKV
	within 300 is_ready || fail "etcd is not ready"
	echo "$leader $hash"
}

count_keys() {
	ask_etcd --command-timeout 120s get "" --prefix --keys-only --rev "$REVISION" | grep -c .
}

api() { # METHOD PATH [BODY]: as one line
	[ $# -eq 2 ] || set -- "$1" "$2" -H 'Content-Type: application/json' -d "$3"
	method=$1 url=https://$(flag advertise-address $manifests/kube-apiserver.yaml):6443$2
	shift 2
	curl -sf -g -m 15 --cacert $pki/ca.crt --cert $pki/apiserver-kubelet-client.crt \
		--key $pki/apiserver-kubelet-client.key -X "$method" "$@" "$url" | tr -d ' \n'
}

is_ok() {
	[ "$(api GET /readyz)" = ok ]
}

start_api() {
	start kube-apiserver
	within 300 is_ok || fail "the API server is not ready"
}

stays_active() {
	systemctl is-active --quiet kubelet && sleep 3 && systemctl is-active --quiet kubelet
}

restart_kubelet() {
	systemctl restart kubelet
	within 60 stays_active || fail "kubelet does not stay active"
}

is_renewed() { # and Ready
	now=$(api GET "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/$NODE" |
		sed -n 's/.*"renewTime":"\([^"]*\)".*/\1/p')
	: "${first:=$now}"
	[ -n "$now" ] && [ "$now" != "$first" ] || return 1
	api GET "/api/v1/nodes/$NODE" | grep -q '"type":"Ready","status":"True"'
}

node_ready() {
	within 600 is_renewed || fail "the node is not ready"
}

write_watch() {
	all=/api/v1/namespaces/kube-system/configmaps
	at=$(api GET "$all?limit=1" | sed 's/"items".*//' | sed -n 's/.*"resourceVersion":"\([0-9]*\)".*/\1/p')
	api POST $all "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"$NAME\"}}" >/dev/null
	api GET "$all?watch=1&fieldSelector=metadata.name%3D$NAME&resourceVersion=$at&timeoutSeconds=2" |
		grep -q '"ADDED"' || fail "a watch does not show what was written"
	api DELETE "$all/$NAME" >/dev/null
}

tidy() {
	rm -rf "$keep/snapshot.db" "$keep/new" "$keep/image"
	rmdir "$aside"
}

if [ "${1:-}" = on-node ]; then
	shift
	"$@" </dev/null
	exit
fi

# From here on: where the operator is.

on() { # NODE FUNCTION ARGUMENTS
	node=$1
	shift
	printf "%s\n" "NAME='$NAME' URL='$URL' COMPRESSION='$COMPRESSION' SHA256='$SHA256' REVISION='$REVISION'" \
		"CLUSTER='$cluster' MEMBERS='$members' NODE='$node'" |
		cat - "$0" | ssh -F "$SSH_CONFIG" -S "$sockets/$node" "$node" "sudo -n sh -s -- on-node $*"
}

everywhere() { # STEP FUNCTION ARGUMENTS: on all nodes at once; leaves what each printed in a file
	step=$1 jobs=""
	shift
	for each in $nodes; do
		on "$each" "$@" >"$sockets/$each.said" &
		jobs="$jobs $!"
	done
	for job in $jobs; do wait "$job" || fail "$step"; done
	echo "done $step"
}

agreed() { # WHAT: that all nodes printed the same, and this
	for each in $nodes; do
		[ "$(cat "$sockets/$each.said")" = "$(cat "$sockets/$1.said")" ] || fail "$each differs from $1"
	done
	cat "$sockets/$1.said"
}

nodes=$* members=$# first_node=$1 cluster=""
sockets=$(mktemp -d)
leave() {
	for each in $nodes; do ssh -F "$SSH_CONFIG" -S "$sockets/$each" -O exit "$each" 2>/dev/null || :; done
	rm -rf "$sockets"
}
trap leave EXIT
for each in $nodes; do
	ssh -F "$SSH_CONFIG" -M -S "$sockets/$each" -fN "$each" </dev/null >/dev/null 2>&1
	cluster=$cluster${cluster:+,}$(on "$each" member)
done
echo "restore $cluster to revision $REVISION? (yes)"
read -r answer
[ "$answer" = yes ] || fail "nothing was changed"

everywhere stop-api stop kube-apiserver kube-controller-manager kube-scheduler
everywhere stop-etcd stop etcd
everywhere fetch fetch
everywhere rebuild rebuild
agreed "$first_node" >/dev/null
everywhere swap swap
everywhere start-etcd start etcd
everywhere etcd-ready etcd_ready
case $(agreed "$first_node") in *" $HASH") ;; *) fail "HashKV is not $HASH" ;; esac
[ "$(on "$first_node" count_keys)" -eq "$KEYS" ] || fail "there are not $KEYS keys"
echo "done count-keys"
for each in $nodes; do on "$each" start_api; done
echo "done start-api"
everywhere start-controllers start kube-controller-manager kube-scheduler
everywhere restart-kubelet restart_kubelet
everywhere tidy tidy
everywhere node-ready node_ready
on "$first_node" write_watch
echo "done write-watch"
