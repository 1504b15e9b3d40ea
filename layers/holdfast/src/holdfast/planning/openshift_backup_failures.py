"""What the codes mean that node/openshift_backup.sh and node/openshift_bundle.sh give up with.

As planning/node_failures.py. Most are words of the vendor's script, which node/openshift_backup.sh finds by their
fixed part.
"""

from holdfast.errors import DamagedError, PermanentError, TransientError
from holdfast.planning.node_failures import meanings

_FORCE = "`holdfast backup run CLUSTER --force` skips that check; such a backup is never verified."
_TRANSIENT: dict[str, str] = {
    "openshift_progressing": f"It is tried again some minutes later; `oc get co` shows which operator. {_FORCE}",
}
_DAMAGED: dict[str, str] = {
    "openshift_archive_damaged": "Look at the host's disk and memory, then run the backup again.",
    "openshift_snapshot_corrupt": "Look at the host's disk and memory; take the backup on another host.",
}
_PERMANENT: dict[str, str] = {
    "openshift_archive_incomplete": "Compare /etc/kubernetes/manifests and static-pod-resources on that host.",
    "openshift_backup_failed": "The message has the script's last words; run it on the host by hand.",
    "openshift_backup_timeout": "Look at the host's load, at the proxy and at the registry: it may wait for an image.",
    "openshift_backup_unfinished": "Run cluster-backup.sh on the host by hand, and read what it says.",
    "openshift_no_etcd_pod": "Name control-plane hosts with a working etcd pod in the spec.",
    "openshift_no_etcdctl": "See whether the host can pull the etcd image: the cluster's proxy, the pull secret.",
    "openshift_no_pair": "See whether something else writes there, or /usr/local/bin/cluster-backup.sh was changed.",
    "openshift_not_control_plane": "The host is no healthy control-plane node: see /etc/kubernetes/manifests there.",
    "openshift_operators_unknown": f"Is an API server running? {_FORCE}",
    "openshift_pair_lost": "Run the backup again: both files are made anew.",
    "openshift_script_missing": "The etcd operator installs it on hosts with an etcd pod: see `oc get co etcd`.",
    "node_not_root": "Let the transport's user become root without a password (sudo).",
}

FAILURES = meanings({TransientError: _TRANSIENT, DamagedError: _DAMAGED, PermanentError: _PERMANENT})
