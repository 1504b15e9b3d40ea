"""`holdfast member status`: the members of a cluster, looked at through its nodes, or directly where there are none."""

from collections.abc import Callable

from holdfast.engine.looking import look_at
from holdfast.engine.restore.looking import look_at_cluster, newest_files
from holdfast.engine.services import Services
from holdfast.models.cluster import ClusterSpec, SshTransport, SsmTransport
from holdfast.models.members import MemberReport
from holdfast.models.restore import StartedLook
from holdfast.models.run import Pending
from holdfast.planning.members import member_report, nodes_without_files
from holdfast.planning.restore_seen import RestoreSeen


def look_at_members(
    services: Services, spec: ClusterSpec, look_id: str, *, wait: Callable[[Pending], None]
) -> MemberReport:
    """Looks until everybody has answered or given up; `wait` is called between two looks. Takes no lease and changes
    nothing. Raises when nobody answers at all, with the reason."""
    if isinstance(spec.transport, SshTransport | SsmTransport):
        seen = _through_nodes(services, spec, look_id, wait)
        bare = {node: newest_files(services, spec.id, node) for node in nodes_without_files(spec, seen)}
        files = {node: backup for node, backup in bare.items() if backup}
        return member_report(spec, seen, services.clock(), files)
    seen = _without_nodes(services, spec, look_id, wait)
    return member_report(spec, seen, services.clock())


def _through_nodes(services: Services, spec: ClusterSpec, look_id: str, wait: Callable[[Pending], None]) -> RestoreSeen:
    seen: StartedLook | RestoreSeen = look_at_cluster(services, spec, look_id, None, None)
    while isinstance(seen, StartedLook):
        wait(seen.waits_for)
        seen = look_at_cluster(services, spec, look_id, seen, None)
    return seen


def _without_nodes(services: Services, spec: ClusterSpec, look_id: str, wait: Callable[[Pending], None]) -> RestoreSeen:
    found = look_at(services, spec, look_id, None)
    while isinstance(found, Pending):
        wait(found)
        found = look_at(services, spec, look_id, found)
    etcd = found.etcd
    return RestoreSeen(found.surveys, {}, etcd, etcd.members, etcd.failures, found.nodes)
