# shellcheck shell=sh disable=SC2034 # those that it goes before use the variables
# What scripts for a control-plane host of OpenShift share. The API is asked through the host's own server, with the
# kubeconfig that the vendor's scripts use, which is root's.
resources=/etc/kubernetes/static-pod-resources
manifests=/etc/kubernetes/manifests
oc_config=$resources/kube-apiserver-certs/secrets/node-kubeconfigs/localhost.kubeconfig

ask_oc() { # ARGUMENTS
	oc --kubeconfig "$oc_config" --request-timeout=15s "$@"
}

last_lines() { # FILE: what a program printed at its end, as JSON strings; a report has room for twelve (models/words.py)
	tail -c 4096 "$1" | tr '\15' '\12' | tr -c '\12\40-\176' ' ' | grep '[^ ]' | tail -n 12 | cut -c 1-300 |
		sed 's/["\\]/\\&/g' | awk '{ printf "%s\"%s\"", comma, $0; comma = "," }'
}
