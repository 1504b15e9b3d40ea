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

mv_static_pods etcd-pod.yaml
wait_for_containers_to_stop etcd etcdctl etcd-metrics etcd-readyz etcd-rev etcd-backup-server
