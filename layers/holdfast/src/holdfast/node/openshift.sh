# shellcheck shell=sh disable=SC2034 # those that it goes before use the variables
# What scripts for a control-plane host of OpenShift share. The API is asked through the host's own server, with the
# kubeconfig that the vendor's scripts use, which is root's.
resources=/etc/kubernetes/static-pod-resources
manifests=/etc/kubernetes/manifests
oc_config=$resources/kube-apiserver-certs/secrets/node-kubeconfigs/localhost.kubeconfig

ask_oc() { # ARGUMENTS
	oc --kubeconfig "$oc_config" --request-timeout=15s "$@"
}
