# shellcheck shell=sh disable=SC2154 # the pod's environment has the variables; pod-serve.sh goes before
if [ -n "$(ls -A /var/lib/etcd)" ]; then
	echo "the data directory is not empty, please remove what is in it before restoring"
	exit 1
fi
snapshot=/var/lib/etcd-backup/snapshot.db bump=""
#from 4.18
size=$(stat -c %s $snapshot)
sleep 1 # a real one takes 5 s
if [ "$size" != "$(stat -c %s $snapshot)" ]; then
	echo "the snapshot still grows"
	exit 1
fi
index=$(highest_index /var/lib/etcd-backup/revision.json)
bump=$((${index:-0} * 6 / 5))
[ $bump -gt 0 ] || bump=1000000000
echo "revisions go on $bump further, and all that is older is marked as compacted"
if ! etcdutl snapshot restore --help 2>&1 | grep -q -e --bump-revision; then
	echo "this etcd cannot"
	bump=""
fi
#end
uuid=$(cat /proc/sys/kernel/random/uuid)
etcdutl snapshot restore $snapshot --name "$MEMBER" --initial-cluster "$MEMBER=$PEER" \
	--initial-cluster-token "openshift-etcd-$uuid" --initial-advertise-peer-urls "$PEER" \
	--data-dir "/var/lib/etcd/restore-$uuid" ${bump:+--bump-revision "$bump" --mark-compacted} || exit 1
mv "/var/lib/etcd/restore-$uuid/member" /var/lib/etcd/
rmdir "/var/lib/etcd/restore-$uuid"
rm -f $snapshot
serve --initial-cluster="$MEMBER=$PEER"
