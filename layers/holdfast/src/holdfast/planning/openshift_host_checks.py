"""What OpenShift's control-plane hosts say against a restore: scripts, layout, data, tools and room."""

from collections.abc import Iterator

from holdfast.drivers.needs import lacks_tools
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding
from holdfast.planning.openshift_hosts import cluster_of, host_of, hosts, recovery_host
from holdfast.planning.restore_node_checks import LOG_BYTES, TIMES
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

# What etcd has there, and 4.18 and later with it; all else is in the way of the vendor's script.
_OF_ETCD = ("member", "revision.json")
_PERF = "etcd_perf"
_RESTORE, _DISABLE, _FENCED = "cluster-restore.sh", "disable-etcd.sh", "cluster-restore-tnf.sh"
_TOPOLOGIES = ("HighlyAvailable", "HighlyAvailableArbiter", "SingleReplica", "DualReplica")


def topology(seen: RestoreSeen) -> Iterator[Finding]:
    cluster = cluster_of(seen.surveys)
    found = cluster.topology if cluster else ""
    fenced = [survey.node for survey in hosts(seen) if _FENCED in host_of(survey).scripts]
    if found and found not in _TOPOLOGIES:
        yield Finding(
            level="refuse",
            code="topology_unsupported",
            text=f"the control plane's topology is {found}: its hosts are not where etcd can be restored",
            hint="A hosted control plane is restored in the cluster that hosts it.",
        )
    elif found == "DualReplica" and fenced:
        yield Finding(
            level="refuse",
            code="topology_unsupported",
            text=f"two nodes with fencing are restored by {_FENCED}, whose way is not known here",
            hint="Follow the vendor's text for two-node clusters, with the pair that the buckets have.",
        )


def scripts(seen: RestoreSeen) -> Iterator[Finding]:
    lacking: dict[str, str] = {}
    for survey in seen.surveys:
        host = host_of(survey)
        if host.generation is None or _RESTORE not in host.scripts:
            lacking[survey.node] = f"it has no {_RESTORE}"
        elif host.generation == "4.18" and len(seen.surveys) > 1 and _DISABLE not in host.scripts:
            lacking[survey.node] = f"it has no {_DISABLE}"
    if lacking:
        yield Finding(
            level="refuse",
            code="openshift_script_missing",
            text="; ".join(f"{node}: {reason}" for node, reason in lacking.items()),
            hint="etcd's own pod puts them into /usr/local/bin. The cluster file names control-plane hosts only.",
        )


def layout(seen: RestoreSeen) -> Iterator[Finding]:
    unknown = {survey.node: survey.etcd_problem for survey in hosts(seen) if survey.etcd is None}
    if unknown:
        yield Finding(
            level="refuse",
            code="layout_unknown",
            text="; ".join(f"{node}: {reason or 'how etcd runs is not known'}" for node, reason in unknown.items()),
            hint="See the manifest of etcd's pod and etcd.env on the host.",
        )


def strays(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    strays = {
        survey.node: names
        for survey in surveys
        if (names := [each for each in host_of(survey).data_entries if not _is_of_etcd(each)])
    }
    if strays:
        yield Finding(
            level="refuse",
            code="openshift_data_stray",
            text="; ".join(f"{node}: /var/lib/etcd has {', '.join(names)}" for node, names in strays.items()),
            hint="Move it out of there: the vendor's script would stop at it, half-way, when etcd is down already.",
        )


def _is_of_etcd(name: str) -> bool:
    return name in _OF_ETCD or name.startswith(_PERF)


def tools(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    reasons = {survey.node: "it has no crictl" for survey in hosts(seen) if "crictl" not in survey.tools}
    recovery, packed = recovery_host(seen, backup), backup.manifest.snapshot.compression
    if recovery and (missing := _lacks(recovery, packed)):
        reasons[recovery.node] = missing
    if reasons:
        yield Finding(
            level="refuse",
            code="tool_missing",
            text="; ".join(f"{node}: {reason}" for node, reason in reasons.items()),
            hint="Control-plane hosts have them; a host that lacks one is not what it should be.",
        )


def _lacks(recovery: NodeSurvey, packed: str) -> str:
    if not host_of(recovery).has_oc:
        return "it has no oc"
    if packed not in recovery.tools:
        return f"it has no {packed}, and the snapshot is packed with it"
    return lacks_tools(recovery)


def disks(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    recovery = recovery_host(seen, backup)
    if recovery:
        yield from room(recovery, backup.manifest.snapshot.raw_size)


def room(survey: NodeSurvey, size: int) -> Iterator[Finding]:
    need = TIMES * size + LOG_BYTES
    if survey.data_free < need:
        yield Finding(
            level="refuse",
            code="restore_disk_short",
            text=f"{survey.node} has {survey.data_free} bytes free beside etcd's data; {need} are needed",
            hint="Make room there: old data are kept. /var/lib/holdfast-old has those of earlier restores.",
        )
