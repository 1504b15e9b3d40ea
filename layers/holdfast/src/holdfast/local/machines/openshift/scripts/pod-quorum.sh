# shellcheck shell=sh disable=SC2154 # the pod's environment has the variables; pod-serve.sh goes before
if [ ! -d /var/lib/etcd/member ]; then
	echo "there are no data to start from"
	exit 1
fi
index=$(highest_index /var/lib/etcd/revision.json)
bump=1000000000
[ -z "$index" ] || bump=$((index / 5))
echo "a new cluster of one member, whose revisions go on $bump further"
if ! etcd --help 2>&1 | grep -q -e --force-new-cluster-bump-amount; then
	echo "this etcd cannot"
	bump=""
fi
serve --force-new-cluster ${bump:+"--force-new-cluster-bump-amount=$bump"}
