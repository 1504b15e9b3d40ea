# shellcheck shell=sh disable=SC2012,SC2034,SC2154 # frames.sh, host.sh and openshift.sh come before this text
# What a driver needs to know of a control-plane host of OpenShift, and of the cluster as that host's API server tells
# it; touches nothing (`oc` keeps the list of kinds in root's home, as the vendor's scripts make it do). Everything is
# optional: what cannot be read is left out.
#
# Variables: tool_names, limit_s (no question to the API begins later than that).
began=$(date +%s)
etcd_scripts=$resources/etcd-certs/configmaps/etcd-scripts
data=/var/lib/etcd

scripts() { # of the vendor's; marks are what tells their generations apart
	for name in cluster-backup.sh cluster-restore.sh disable-etcd.sh quorum-restore.sh cluster-restore-tnf.sh disable-etcd-tnf.sh; do
		[ ! -f "$root/usr/local/bin/$name" ] || echo "script=$name"
	done
	set -- "$root/usr/local/bin/cluster-backup.sh" "$root/usr/local/bin/cluster-restore.sh" "$root$etcd_scripts/etcd-common-tools"
	! grep -qs -e '--force' "$1" || echo mark=force
	! grep -qs 'Checking in different directory' "$1" "$3" || echo mark=fallback
	! grep -qs -e etcdutl -e etcd-readyz "$@" || echo mark=etcdutl
	! command -v oc >/dev/null || echo mark=oc
}

component_dirs() { # that the live manifests name
	for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
		grep -oshE "$resources/$name-pod-[0-9]+" "$root$manifests/$name-pod.yaml" | head -n 1
	done
}

named_files() { # paths of certificates as etcd.env has them: on the host they are elsewhere than in the pod
	sed -n 's/^\(export \)\{0,1\}ETCDCTL_[A-Z]*="\{0,1\}\(\/[^" ]*\).*/\2/p' "$root$etcd_scripts/etcd.env" |
		sed "s|^/etc/kubernetes/static-pod-certs/|$resources/etcd-certs/|"
}

paths() {
	{
		named_files
		printf '%s\n' "$data" /home/core "$manifests" "$oc_config"
		component_dirs | while IFS= read -r folder; do
			printf '%s\n' "$folder" "$folder/secrets/encryption-config/encryption-config"
		done
	} 2>/dev/null | sort -u | while IFS= read -r path; do kind_of "$path"; done
}

pods() { # the manifests that name images, where they are small enough to be some
	for name in etcd kube-apiserver; do
		file=$root$manifests/$name-pod.yaml
		[ -f "$file" ] || continue
		[ "$(($(wc -c <"$file")))" -gt 65536 ] || without_values <"$file" | section "manifest $manifests/$name-pod.yaml"
	done
}

api() { # NAME ARGUMENTS of oc get: what is there, and in another section the words of a question that failed
	question=$1
	shift
	[ $silent -eq 0 ] && [ $(($(date +%s) - began)) -le "$limit_s" ] || return 0
	asked=$((asked + 1))
	if answer=$(ask_oc get "$@" 2>said </dev/null && echo .); then
		answer=${answer%.}
		# The URLs of a proxy may hold a password: whether there are any is all that is told.
		[ "$question:$answer" = proxy: ] || [ "$question" != proxy ] || answer=yes
		printf '%s' "$answer" | head -c 32768 | section "api $question"
	else
		tail -n 3 said | head -c 1000 | section "api $question failed"
		# Where the first one fails no other is asked: each would wait as long.
		[ $asked -gt 1 ] || silent=1
	fi
	rm -f said
}

of_condition() { # TYPE FIELD: jsonpath of a condition's field
	printf '{.status.conditions[?(@.type=="%s")].%s}' "$1" "$2"
}

cluster() { # tabs between the fields of a row, which is a line; a message, which may have lines, comes last and alone
	asked=0 silent=0
	api version clusterversion version -o \
		"jsonpath={.status.desired.version}{\"\\t\"}$(of_condition Progressing status){\"\\t\"}{.metadata.creationTimestamp}"
	api infrastructure infrastructure cluster -o \
		'jsonpath={.status.controlPlaneTopology}{"\t"}{.status.platform}{"\t"}{.status.infrastructureName}'
	api operators clusteroperators -o "jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}$(of_condition Available \
		status){\"\\t\"}$(of_condition Progressing status){\"\\t\"}$(of_condition Degraded status){\"\\n\"}{end}"
	for server in kubeapiserver openshiftapiserver authentication; do
		api "encryption $server" "${server}s.operator.openshift.io" cluster -o \
			"jsonpath=$(of_condition Encrypted reason){\"\\n\"}$(of_condition Encrypted message)"
	done
	api proxy proxy cluster -o \
		'jsonpath={.spec.httpProxy}{.spec.httpsProxy}{.status.httpProxy}{.status.httpsProxy}'
	api etcd etcd cluster -o "jsonpath={.spec.unsupportedConfigOverrides.useUnsupportedUnsafeNonHANonProductionUnstableEtcd}{\"\\n\"}$(
		of_condition EtcdMembersAvailable status
	){\"\\n\"}$(of_condition EtcdMembersAvailable message)"
	api nodes nodes -l node-role.kubernetes.io/master -o "jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}$(of_condition Ready \
		status){\"\\t\"}$(of_condition Ready lastTransitionTime){\"\\t\"}{.spec.taints[*].key}{\"\\t\"}{.status.addresses[*].address}{\"\\n\"}{end}"
	api machines machines.machine.openshift.io -n openshift-machine-api -l machine.openshift.io/cluster-api-machine-role=master -o \
		'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.nodeRef.name}{"\t"}{.status.phase}{"\t"}{.status.providerStatus.instanceState}{"\n"}{end}'
	api machine-set controlplanemachinesets.machine.openshift.io cluster -n openshift-machine-api -o 'jsonpath={.spec.state}'
	api pods pods -n openshift-etcd -l k8s-app=etcd -o "jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.spec.nodeName}{\"\\t\"}{.status.phase}{\"\\t\"}$(
		of_condition Ready status
	){\"\\t\"}{.status.containerStatuses[*].restartCount}{\"\\t\"}{.status.containerStatuses[*].state.waiting.reason}{\"\\n\"}{end}"
}

kubelet=$(processes kubelet | head -n 1)
kubelet=$([ -z "$kubelet" ] || arguments "$kubelet")
kubeconfig=$(echo "$kubelet" | flag kubeconfig)
kubeconfig=${kubeconfig:-/var/lib/kubelet/kubeconfig}
client_files=$(kubelet_client 2>/dev/null)

{
	about_host 2>/dev/null | section about
	tools | section tools
	kubelet_flags | section kubelet
	kubelet_certificate | section kubelet-certificate
	scripts | section scripts
	[ ! -r "$root$etcd_scripts/etcd.env" ] || head -c 65536 "$root$etcd_scripts/etcd.env" | section etcd-env
	pods
	for folder in "$root$manifests"/*.yaml; do [ ! -f "$folder" ] || echo "${folder##*/}"; done | head -n 40 | section manifests
	ls -A "$root$data" 2>/dev/null | head -n 60 | section data
	ls -A "$root$data-backup" 2>/dev/null | head -n 60 | section saved
	head -c 8192 "$root$data/revision.json" 2>/dev/null | section revision
	there=$(paths)
	printf '%s\n' "$there" | section paths
	disks | section disks
	key_service 2>/dev/null | section key-service
	cluster 2>/dev/null
} | pack holdfast-openshift-survey-1
