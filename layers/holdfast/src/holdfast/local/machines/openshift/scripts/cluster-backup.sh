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

usage() {
#until 4.6
	echo "Path to backup dir required: ./cluster-backup.sh <path-to-backup-dir>"
#end
#from 4.6
	echo "Path to backup dir required: ./cluster-backup.sh [--force] <path-to-backup-dir>"
#end
	exit 1
}

IS_DIRTY=""
#from 4.6
if [ "${1:-}" = --force ]; then
	IS_DIRTY="__POSSIBLY_DIRTY__"
	shift
fi
#end
if [ -z "${1:-}" ]; then usage; fi
BACKUP_DIR=$1

#from 4.6
check_if_operator_is_progressing() { # OPERATOR
	local progressing
	progressing=$(oc get co "$1" -o jsonpath='{.status.conditions[?(@.type=="Progressing")].status}') || true
	if [ -z "$progressing" ]; then
		echo "Could not find the status of the $1. Check if the API server is running. Pass the --force flag to skip checks."
		exit 1
	elif [ "$progressing" != False ]; then
		echo "Currently the $1 operator is progressing. A reliable backup requires that a rollout is not in progress.  Aborting!"
		exit 1
	fi
}
#end

backup_latest_kube_static_resources() {
	local component latest found=()
	for component in kube-apiserver kube-controller-manager kube-scheduler etcd; do
#until 4.6
		# shellcheck disable=SC2012 # names of ours
		latest=$(ls -vd -t "$STATIC_RESOURCES/$component-pod-"[0-9]* 2>/dev/null | head -n 1) || true
#end
#from 4.6
		if [ ! -f "$MANIFEST_DIR/$component-pod.yaml" ]; then
			echo "error finding manifests for the $component pod. please check if it is running."
			exit 1
		fi
		latest=$(grep -o -m 1 "$STATIC_RESOURCES/$component-pod-[0-9]*" "$MANIFEST_DIR/$component-pod.yaml" | head -n 1) || true
#end
		if [ -z "$latest" ]; then
			echo "error finding static-pod-resources for the $component pod. please check if it is running."
			exit 1
		fi
#from 4.6
		if [ -z "$IS_DIRTY" ]; then check_if_operator_is_progressing "$component"; fi
#end
		echo "found latest $component: $latest"
		found+=("${latest#"$CONFIG_FILE_DIR/"}")
	done
	tar -cpzf "$1" -C "$CONFIG_FILE_DIR" "${found[@]}"
	chmod 600 "$1"
}

DATESTRING=$(date "+%F_%H%M%S")
BACKUP_TAR_FILE=$BACKUP_DIR/static_kuberesources_$DATESTRING$IS_DIRTY.tar.gz
SNAPSHOT_FILE=$BACKUP_DIR/snapshot_$DATESTRING$IS_DIRTY.db
mkdir -p "$BACKUP_DIR"
trap 'rm -f "$BACKUP_TAR_FILE" "$SNAPSHOT_FILE"' ERR

#from 4.9
for each in ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY; do check_if_certificate_exists "$each"; done
#end
backup_latest_kube_static_resources "$BACKUP_TAR_FILE"
dl_etcdctl
own="NODE_${NODE_NODE_ENVVAR_NAME}_IP"
ETCDCTL_ENDPOINTS="https://${!own}:2379" etcdctl snapshot save "$SNAPSHOT_FILE"
#from 4.6
check_snapshot_status "$SNAPSHOT_FILE"
#end
echo "snapshot db and kube resources are successfully saved to $BACKUP_DIR"
