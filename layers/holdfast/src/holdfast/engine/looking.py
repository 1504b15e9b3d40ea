"""A look at a cluster before anything is done: its members, its nodes, and what speaks against a backup."""

from contextlib import closing
from dataclasses import dataclass

from holdfast.drivers.registry import driver_of
from holdfast.engine.node_facts import ask_nodes
from holdfast.engine.services import Services
from holdfast.etcd.base import EtcdCluster
from holdfast.models.cluster import ClusterSpec, EtcdTransport, KubernetesTransport, NodeTransport, Transport
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding, MemberChoice
from holdfast.models.run import Pending
from holdfast.planning.member_choice import choose_member
from holdfast.planning.node_facts import unusable_nodes
from holdfast.planning.preflight import backup_findings


@dataclass(frozen=True)
class Seen:
    """`surveys` and `nodes` (member id to node name) are empty where no command runs on a node."""

    etcd: EtcdFacts
    findings: tuple[Finding, ...]
    surveys: tuple[NodeSurvey, ...]
    nodes: dict[str, str]

    def choose(self) -> MemberChoice:
        """The member to take a snapshot from, on a node that can; the codes of planning/member_choice.py."""
        largest = max((status.db_size for status in self.etcd.statuses), default=0)
        unusable = unusable_nodes(self.surveys, largest)
        cannot = {member: unusable[node] for member, node in self.nodes.items() if node in unusable}
        chosen = choose_member(self.etcd, cannot)
        return chosen.model_copy(update={"node": self.nodes.get(chosen.member_id, "")})


def look_at(services: Services, spec: ClusterSpec, run_id: str, pending: Pending | None) -> Pending | Seen:
    """One look; nodes answer at a later one. Raises only when nothing answers at all."""
    through_nodes = node_transport(spec.transport)
    if through_nodes is None:
        facts = etcd_of(services, spec).facts()
        return Seen(etcd=facts, findings=(*backup_findings(facts), *_without_bundle()), surveys=(), nodes={})
    driver = driver_of(spec.driver)
    with closing(services.nodes(through_nodes)) as transport:
        found = ask_nodes(transport, driver, run_id, pending, services.clock)
    if isinstance(found, Pending):
        return found
    of_nodes = driver.findings(found.surveys, found.etcd, services.clock())
    findings = (*backup_findings(found.etcd, through_nodes=True), *of_nodes)
    return Seen(etcd=found.etcd, findings=findings, surveys=found.surveys, nodes=found.nodes)


def node_transport(transport: Transport) -> NodeTransport | None:
    """The transport when the work is done on nodes; None when etcd itself is talked to."""
    if isinstance(transport, EtcdTransport):
        return None
    if isinstance(transport, KubernetesTransport) and transport.via == "port-forward":
        return None
    return transport


def etcd_of(services: Services, spec: ClusterSpec) -> EtcdCluster:
    transport = spec.transport
    if isinstance(transport, KubernetesTransport) and transport.etcd_credentials is not None:
        return services.etcd(transport, services.credentials.etcd_tls(transport.etcd_credentials))
    if isinstance(transport, EtcdTransport):
        return services.etcd(transport, services.credentials.etcd_tls(transport.credentials))
    raise TypeError(f"etcd is not talked to over {transport.kind}")


def _without_bundle() -> tuple[Finding, ...]:
    return (
        Finding(
            level="info",
            code="no_secrets_bundle",
            text="this transport reaches etcd only: certificates, keys and manifests of the nodes are not backed up",
            hint="Keep them elsewhere, or use ssh, ssm or the kubernetes transport with via: pod or exec.",
        ),
    )
