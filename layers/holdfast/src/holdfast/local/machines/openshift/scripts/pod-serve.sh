# shellcheck shell=sh disable=SC2154 # the pod's environment has the variables
# Goes before what etcd's containers run.
set -u

serve() { # MORE FLAGS
	exec etcd --logger=zap --name="$MEMBER" --data-dir=/var/lib/etcd --initial-advertise-peer-urls="$PEER" \
		--cert-file="$CERTS-serving-$NODE.crt" --key-file="$CERTS-serving-$NODE.key" \
		--trusted-ca-file="$ETCDCTL_CACERT" --client-cert-auth=true \
		--peer-cert-file="$CERTS-peer-$NODE.crt" --peer-key-file="$CERTS-peer-$NODE.key" \
		--peer-trusted-ca-file="$ETCDCTL_CACERT" --peer-client-cert-auth=true \
		--advertise-client-urls="$CLIENT" --listen-client-urls="$CLIENT" --listen-peer-urls="$PEER" "$@"
}

highest_index() { # FILE: of every raft index that was seen, nothing when it does not tell
	sed -n 's/.*"maxRaftIndex":\([0-9]*\).*/\1/p' "$1" 2>/dev/null
}
