#!/usr/bin/env bash

### Created by cluster-etcd-operator. DO NOT edit.

set -o errexit
set -o pipefail
set -o errtrace

here=/etc/kubernetes/static-pod-resources/etcd-certs/configmaps/etcd-scripts
for each in etcd.env etcd-common-tools; do
	if [ ! -f "$here/$each" ]; then
		echo "required dependencies not found, please ensure this script is run on a node with a functional etcd static pod"
		exit 1
	fi
	# shellcheck source=/dev/null
	source "$here/$each"
done
need_root

if [ -z "${1:-}" ]; then
	echo "Path to the directory containing backup files is required: ./cluster-restore.sh <path-to-backup>"
	exit 1
fi
BACKUP_DIR=$1
# Each is the last one by its name; nobody looks whether they are a pair.
# shellcheck disable=SC2012 # names of ours
BACKUP_FILE=$(ls -vd "$BACKUP_DIR"/static_kuberesources*.tar.gz 2>/dev/null | tail -1) || true
# shellcheck disable=SC2012
SNAPSHOT_FILE=$(ls -vd "$BACKUP_DIR"/snapshot*.db 2>/dev/null | tail -1) || true
#until 4.11
# shellcheck disable=SC2012
RESTORE_ETCD_POD_YAML=$(ls -vd "$STATIC_RESOURCES"/etcd-pod-*/configmaps/restore-etcd-pod/pod.yaml 2>/dev/null | tail -1) || true
[ -f "$RESTORE_ETCD_POD_YAML" ] || RESTORE_ETCD_POD_YAML=$STATIC_RESOURCES/etcd-certs/configmaps/restore-etcd-pod/pod.yaml
#end
#from 4.11
RESTORE_ETCD_POD_YAML=$STATIC_RESOURCES/etcd-certs/configmaps/restore-etcd-pod/pod.yaml
#end
if [ ! -f "$SNAPSHOT_FILE" ]; then
	echo "etcd snapshot $BACKUP_DIR/snapshot*.db does not exist"
	exit 1
fi
if [ ! -f "$BACKUP_FILE" ] || [ ! -f "$RESTORE_ETCD_POD_YAML" ]; then
	echo "backup file $BACKUP_DIR/static_kuberesources*.tar.gz or the restore pod does not exist"
	exit 1
fi

#from 4.6
#from 4.9
for each in ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY; do check_if_certificate_exists "$each"; done
#end
dl_etcdctl
check_snapshot_status "$SNAPSHOT_FILE"
#end

#until 4.18
PODS=(kube-apiserver-pod.yaml kube-controller-manager-pod.yaml kube-scheduler-pod.yaml etcd-pod.yaml)
CONTAINERS=(etcd etcdctl etcd-metrics kube-controller-manager kube-apiserver kube-scheduler)
#from 4.11
CONTAINERS+=(etcd-readyz)
if [ -n "${ETCD_RESTORE_SKIP_MOVE_CP_STATIC_PODS:-}" ]; then
	PODS=(etcd-pod.yaml)
	CONTAINERS=(etcd etcdctl etcd-metrics etcd-readyz)
fi
#end
#end
#from 4.18
PODS=(etcd-pod.yaml)
CONTAINERS=(etcd etcdctl etcd-metrics etcd-readyz etcd-rev etcd-backup-server)
#end
mv_static_pods "${PODS[@]}"
wait_for_containers_to_stop "${CONTAINERS[@]}"

mkdir -p "$ETCD_DATA_DIR_BACKUP"
if [ -d "$ETCD_DATA_DIR/member" ]; then
	if [ -d "$ETCD_DATA_DIR_BACKUP/member" ]; then
		echo "removing previous backup $ETCD_DATA_DIR_BACKUP/member"
		rm -rf "$ETCD_DATA_DIR_BACKUP/member"
	fi
	echo "Moving etcd data-dir $ETCD_DATA_DIR/member to $ETCD_DATA_DIR_BACKUP"
	mv "$ETCD_DATA_DIR/member" "$ETCD_DATA_DIR_BACKUP/"
fi

tar -C "$CONFIG_FILE_DIR" -xzf "$BACKUP_FILE" static-pod-resources

#from 4.18
if [ -f "$ETCD_DATA_DIR/revision.json" ]; then mv -f "$ETCD_DATA_DIR/revision.json" "$ETCD_DATA_DIR_BACKUP/"; fi
rm -rf "$ETCD_DATA_DIR"/etcd_perf*
if [ -n "$(ls -A "$ETCD_DATA_DIR" 2>/dev/null)" ]; then
	echo "folder $ETCD_DATA_DIR is not empty, please review and remove all files in it"
	exit 1
fi
#end

echo "starting restore-etcd static pod"
cp -p "$SNAPSHOT_FILE" "$ETCD_DATA_DIR_BACKUP/snapshot.db"
cp "$RESTORE_ETCD_POD_YAML" "$MANIFEST_DIR/etcd-pod.yaml"
#until 4.18
for each in "${PODS[@]}"; do
	if [ "$each" = etcd-pod.yaml ]; then continue; fi
	echo "starting $each"
	component=${each%-pod.yaml}
	path=$(tar -tzf "$BACKUP_FILE" | grep "/$each\$" | grep "$component-pod-" | head -n 1)
	echo "$path"
	tar -xzf "$BACKUP_FILE" --strip-components=2 -C "$MANIFEST_DIR" "$path"
done
#end
