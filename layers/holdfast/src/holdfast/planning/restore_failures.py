"""What the codes mean that the scripts of a restore give up with (node/restore.sh, node/restore/).

As planning/node_failures.py: a script says what happened, here is its family and what to do about it. None of the
scripts has harmed anything when it gives up: each can be run again as soon as its reason is gone.
"""

from holdfast.errors import DamagedError, PermanentError, RefusedError, TransientError
from holdfast.planning.node_failures import meanings

_RESUME = "then resume the run."
_TRANSIENT: dict[str, str] = {
    "download_unreachable": "Look at the node's routes, firewall and proxy settings; HTTPS_PROXY and NO_PROXY count.",
    "download_url_expired": "It is tried again with a new URL; when it stays so, compare the node's clock.",
}
_REFUSED: dict[str, str] = {
    "member_differs": "Look at `etcdctl member list`: somebody changed the members since the plan. Make a new plan.",
    "quorum_would_be_lost": "Bring back more of the voting members first, or restore the cluster from a backup.",
}
_DAMAGED: dict[str, str] = {
    "restore_bundle_differs": "Use another backup; nobody but Holdfast should write into the bucket.",
    "restore_snapshot_differs": "Resume to fetch it again; when it stays so, look at the disk or use another backup.",
}
_PERMANENT: dict[str, str] = {
    "api_not_ready": f"Look at the API server's log on the node (below /var/log/pods), {_RESUME}",
    "api_watch_silent": f"Look at the API server's log and at etcd's, {_RESUME}",
    "api_write_failed": f"An admission webhook that is away is a usual reason; mend it, {_RESUME}",
    "download_denied": "The role that made the URL may not read there, or its session was revoked.",
    "download_gone": "The backup's object is gone: a lifecycle rule or a person removed it. Use another backup.",
    "download_part_rejected": "Look at proxies between the node and the store.",
    "download_plan_invalid": "This is a mistake in Holdfast: report it.",
    "download_refused": "The message has the store's own words.",
    "download_untrusted": "Put the authority of the store, or of a proxy that opens TLS, into the node's trust store.",
    "etcd_not_ready": f"See etcd's log on each node (below /var/log/pods): are all members up? Mend it, {_RESUME}",
    "hash_differs": "Do not start the API servers. Compare `etcdctl endpoint hashkv --cluster`; the old data are kept.",
    "kubelet_not_active": f"`journalctl -u kubelet` on the node says why; mend it, {_RESUME}",
    "learner_not_promoted": f"Look at the new member's log: can it reach the others' peer URLs? Mend it, {_RESUME}",
    "member_change_failed": f"The message has etcd's own words; mend it, {_RESUME}",
    "node_not_ready": f"`journalctl -u kubelet` on the node says why it does not reach the API; mend it, {_RESUME}",
    "openshift_api_silent": f"`crictl ps -a --name kube-apiserver` there says whether it runs; mend it, {_RESUME}",
    "restore_bundle_missing": "The bundle was removed from the node meanwhile; start the restore anew.",
    "restore_data_in_the_way": f"Something started etcd meanwhile. Look at what it wrote and move it away; {_RESUME}",
    "restore_disk_full": f"Make room on the node, {_RESUME}",
    "restore_etcd_still_runs": f"Find that process and end it (`fuser` names it), {_RESUME}",
    "restore_layout_unsupported": "This node keeps its data in a way that cannot be exchanged by a rename; "
    "restore by hand.",
    "restore_manifest_missing": f"Put the manifest back from the secrets bundle, {_RESUME}",
    "restore_manifest_twice": f"Something wrote the manifest again during the restore. Remove one of both, {_RESUME}",
    "restore_manifest_unreadable": "Set --initial-cluster and --initial-cluster-state=existing in it by hand; "
    f"{_RESUME}",
    "restore_nothing_rebuilt": "The new data were removed from the node meanwhile; start the restore anew.",
    "restore_pod_not_started": f"`journalctl -u kubelet` and `crictl ps -a` on the node say why; mend it, {_RESUME}",
    "restore_pod_still_runs": f"Is kubelet running on the node? It has to, to end static pods. Mend it, {_RESUME}",
    "restore_rebuild_failed": "The message has the tool's own words.",
    "restore_runtime_silent": f"See that containerd or docker runs, and one of its clients as root; {_RESUME}",
    "restore_snapshot_missing": "The snapshot was removed from the node meanwhile; start the restore anew.",
    "restore_tool_failed": f"The message has the tool's own words. Mend it, {_RESUME}",
    "restore_tool_missing": "Install etcdutl (or etcdctl, up to 3.5) of etcd's version on the node.",
    "restore_unit_failed": f"`systemctl status` and `journalctl -u` on the node say why; mend it, {_RESUME}",
}

FAILURES = meanings(
    {TransientError: _TRANSIENT, RefusedError: _REFUSED, DamagedError: _DAMAGED, PermanentError: _PERMANENT}
)
