# shellcheck shell=sh
# Writes down every raft index, every few seconds; a real one does so every ten.
while :; do
	etcdctl --command-timeout=3s endpoint status --cluster -w json 2>/dev/null | sed 's/{"Endpoint"/\n&/g' | awk '
		/^[{]"Endpoint":/ {
			split($0, part, "\""); at = $0; sub(/.*"raftIndex":/, "", at); sub(/[^0-9].*/, "", at)
			id = $0; sub(/.*"cluster_id":/, "", id); sub(/[^0-9].*/, "", id)
			all = all comma "\"" part[4] "\":" at; comma = ","
			if (at + 0 > most) most = at + 0
		}
		END { if (most) printf "\"clusterId\":\"%s\",\"raftIndexByEndpoint\":{%s},\"maxRaftIndex\":%d", id, all, most }
	' >/tmp/seen
	if [ -s /tmp/seen ] && [ -d /var/lib/etcd/member ]; then
		echo "{$(cat /tmp/seen),\"created\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}" >/var/lib/etcd/revision.json.tmp
		mv /var/lib/etcd/revision.json.tmp /var/lib/etcd/revision.json
	fi
	sleep 3
done
