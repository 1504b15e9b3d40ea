# shellcheck shell=sh disable=SC2034,SC2154 # those that it goes before use the variables, and set some before it
# What scripts for a control-plane host of OpenShift share. The API is asked through the host's own server, with the
# kubeconfig that the vendor's scripts use, which is root's.
: "${resources:=/etc/kubernetes/static-pod-resources}" "${manifests:=/etc/kubernetes/manifests}"
: "${vendor_bin:=/usr/local/bin}" "${proxy_file:=/etc/mco/proxy.env}"
oc_config=$resources/kube-apiserver-certs/secrets/node-kubeconfigs/localhost.kubeconfig

ask_oc() { # ARGUMENTS
	oc --kubeconfig "$oc_config" --request-timeout=15s "$@"
}

see() { # ARGUMENTS of oc get: sets said to what it printed, without any warnings; to its error when it fails
	said=$(ask_oc get "$@" 2>/dev/null </dev/null) && return 0
	said=$(ask_oc get "$@" 2>&1 >/dev/null </dev/null)
	return 1
}

last_lines() { # FILE: what a program printed at its end, as JSON strings; a report has room for twelve (models/words.py)
	tail -c 4096 "$1" | tr '\15' '\12' | tr -c '\12\40-\176' ' ' | grep '[^ ]' | tail -n 12 | cut -c 1-300 |
		sed 's/["\\]/\\&/g' | awk '{ printf "%s\"%s\"", comma, $0; comma = "," }'
}

as_strings() { # WORDS: as JSON strings
	printf '%s\n' "$1" | tr -s ' ' '\n' | awk '$0 != "" { printf "%s\"%s\"", comma, $0; comma = "," }'
}

need_keep() { # where a run notes things on a host, and keeps what it replaced
	said=$(mkdir -p "$keep" 2>&1 && chmod 700 "$keep" 2>&1) || stopped_by restore_tool_failed "making $keep" "$said"
}

# With the quorum guard off, etcd restarts on one host after the other, and the API with it: what is asked then is asked
# until limit_s is over.
see_in_time() { # ARGUMENTS of oc get
	wait_for see "$@" || stopped_by openshift_api_silent "oc get $1 $2, for $limit_s s" "$said"
}

oc_tried() { # ARGUMENTS: one that changes something; sets said
	said=$(ask_oc "$@" 2>&1 </dev/null)
}

# Of nodes, Machines and etcd's pods. Each look is a program that starts and a question to the API: not every second.
every_s=${every_s:-3}
ready_status='.status.conditions[?(@.type=="Ready")].status'

node_is_ready() { # NAME
	see node "$1" --ignore-not-found -o "jsonpath={.metadata.name} {$ready_status}" || return 1
	[ "$said" != "$1 True" ] || return 0
	said="Ready is '${said#* }'" && return 1
}

machine_runs() { # NAME: and its node is Ready, whose name node is set to
	see machine "$1" -n openshift-machine-api \
		-o 'jsonpath={.status.phase}/{.status.nodeRef.name}/{.status.errorMessage}' || return 1
	node=${said#*/} error=${said#*/*/}
	node=${node%%/*}
	said="the Machine $1 is '${said%%/*}', its node '$node' $error"
	case $said in *" is 'Running', its node '"?*) ;; *) return 1 ;; esac
	[ -n "$node" ] || return 1
	node_is_ready "$node" || { said="the node $node of the Machine $1: $said" && return 1; }
}

etcd_pods() { # "NAME PHASE READY" of each, a line
	ask_oc get pods -n openshift-etcd -l k8s-app=etcd \
		-o "jsonpath={range .items[*]}{.metadata.name} {.status.phase} {$ready_status}{\"\\n\"}{end}" 2>&1 </dev/null
}
