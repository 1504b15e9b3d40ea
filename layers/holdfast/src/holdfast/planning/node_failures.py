"""What the codes mean that programs on a node give up with (node/snapshot.sh, node/bundle.sh).

A program says what happened in its own words; the family, which decides whether the step is tried again, and the hint
are decided here.
"""

from collections.abc import Mapping

from holdfast.errors import DamagedError, HoldfastError, PermanentError, RefusedError, TransientError

Meaning = tuple[type[HoldfastError], str]

_TRANSIENT: dict[str, str] = {
    "node_etcd_not_running": "It is tried again; `crictl ps -a` on the node says whether etcd is restarting.",
    "upload_gone": "It is tried again with a new upload; a lifecycle rule or another run may have ended the old one.",
    "upload_part_rejected": "It is tried again; when it stays so, look at proxies between the node and the store.",
    "upload_unreachable": "Look at the node's routes, firewall and proxy settings; HTTPS_PROXY and NO_PROXY count.",
    "upload_url_expired": "It is tried again with new URLs; when it stays so, one part takes longer than 15 minutes.",
}
_REFUSED: dict[str, str] = {
    "etcd_member_moved": "Run the backup again: it looks anew which node has which member.",
    "node_disk_short": "Make room on the node: a snapshot needs two times the size of the database for a while.",
}
_DAMAGED: dict[str, str] = {
    "node_snapshot_damaged": "Look at the node's disk and memory; take the snapshot from another member.",
    "node_snapshot_empty": "Look at etcd's log on the node, and take a snapshot there by hand.",
}
_PERMANENT: dict[str, str] = {
    "node_bundle_empty": "Look where the node keeps its certificates and manifests.",
    "node_curl_too_old": "Install curl 7.29 or newer on the node.",
    "node_disk_full": "Make room on the node, then run the backup again. What the step wrote is removed.",
    "node_snapshot_failed": "Look at the member's log and at its disk.",
    "node_tool_failed": "Try the tool on the node by hand.",
    "node_tool_missing": "Install it on the node.",
    "node_work_dir": "Look at the file system below /var/lib on the node: it may be full or read-only.",
    "upload_denied": "The role that made the URL may not write there, or its session was revoked.",
    "upload_plan_invalid": "This is a mistake in Holdfast, or somebody else wrote the list of URLs.",
    "upload_refused": "The message has the store's own words.",
    "upload_too_large": "Run the backup again: the database grew since it was planned.",
    "upload_untrusted": "Put the authority of the store, or of a proxy that opens TLS, into the node's trust store.",
}


def meanings(families: Mapping[type[HoldfastError], Mapping[str, str]]) -> dict[str, Meaning]:
    """By code, of hints by family and code."""
    return {code: (family, hint) for family, hints in families.items() for code, hint in hints.items()}


FAILURES = meanings(
    {TransientError: _TRANSIENT, RefusedError: _REFUSED, DamagedError: _DAMAGED, PermanentError: _PERMANENT}
)
