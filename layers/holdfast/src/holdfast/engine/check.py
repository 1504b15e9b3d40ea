"""`holdfast cluster check`: everything that a backup would look at and rely on, and nothing that it would do."""

from collections.abc import Callable

from holdfast.engine.looking import Seen, look_at
from holdfast.engine.services import Services
from holdfast.engine.signing import signing_findings
from holdfast.errors import RefusedError
from holdfast.models.base import Model
from holdfast.models.cluster import ClusterSpec, EtcdTransport
from holdfast.models.etcd import EndpointFailure, MemberStatus
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding, MemberChoice
from holdfast.models.run import Pending
from holdfast.models.storage import Side
from holdfast.planning.store_findings import store_findings


class Checked(Model):
    """What a check found. `choice` is the member that a backup would take now, None when it would be refused."""

    cluster_id: str
    findings: tuple[Finding, ...]
    choice: MemberChoice | None = None
    members: tuple[MemberStatus, ...] = ()
    nodes: tuple[NodeSurvey, ...] = ()
    failures: tuple[EndpointFailure, ...] = ()

    @property
    def refused(self) -> bool:
        return self.choice is None or any(finding.level == "refuse" for finding in self.findings)


def check_cluster(services: Services, spec: ClusterSpec, check_id: str, *, wait: Callable[[Pending], None]) -> Checked:
    """Looks until everybody has answered or given up; `wait` is called between two looks with what is waited for.

    Takes no lease: it may run beside a backup. Raises when nothing answers at all, with the reason. What it writes are
    probes in the cluster's store, which it removes again.
    """
    stores = _store_findings(services, spec, check_id)
    seen = look_at(services, spec, check_id, None)
    while isinstance(seen, Pending):
        wait(seen)
        seen = look_at(services, spec, check_id, seen)
    return checked(spec.id, seen, (*signing_findings(services.signing), *stores))


def _store_findings(services: Services, spec: ClusterSpec, check_id: str) -> tuple[Finding, ...]:
    """Of both buckets; that for secrets bundles only where nodes send some."""
    storage = spec.storage or services.default_storage
    sides: tuple[Side, ...] = ("snapshots",) if isinstance(spec.transport, EtcdTransport) else ("snapshots", "secrets")
    looked = (services.store_probe.look(spec.id, storage, side, check_id) for side in sides)
    locks = spec.lock is not None
    return tuple(finding for facts in looked for finding in store_findings(storage, facts, locks=locks))


def checked(cluster_id: str, seen: Seen, more: tuple[Finding, ...] = ()) -> Checked:
    findings, choice = [*seen.findings, *more], None
    try:
        choice = seen.choose()
    except RefusedError as error:
        findings.append(Finding(level="refuse", code=error.code, text=error.message, hint=error.hint))
    return Checked(
        cluster_id=cluster_id,
        findings=tuple(findings),
        choice=choice,
        members=seen.etcd.statuses,
        nodes=seen.surveys,
        failures=seen.etcd.failures,
    )
