"""What the surveys of nodes say for or against a backup, beyond what etcd itself shows."""

from collections.abc import Iterator

from holdfast.drivers import node_findings as checks
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding


def node_findings(surveys: tuple[NodeSurvey, ...], facts: EtcdFacts) -> tuple[Finding, ...]:
    """In the order refuse, warn, info. What only some of the members' nodes lack is a warning: another one is taken."""
    found = (
        *checks.root(surveys),
        *checks.disks(surveys, facts),
        *checks.tools(surveys),
        *checks.etcd_tools(surveys),
        *checks.not_asked(surveys),
        *checks.clocks(surveys),
        *checks.unsurveyed(surveys, facts),
        *_topologies(surveys),
        *_encryption(surveys),
        *checks.key_services(surveys),
        *checks.compressors(surveys),
    )
    return checks.in_order(found)


def _topologies(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    """A cluster has its members in static pods or as processes of hosts; both at once is a move that was not ended."""
    pods = [survey.node for survey in surveys if survey.etcd and survey.etcd.container]
    hosts = [survey.node for survey in surveys if survey.etcd and not survey.etcd.container]
    if pods and hosts:
        yield Finding(
            level="warn",
            code="topology_mixed",
            text=f"etcd runs in static pods on {', '.join(pods)} and as a process on {', '.join(hosts)}",
            hint="A restore treats the two differently: end the move, or name the nodes of one cluster only.",
        )


def _encryption(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    for survey in surveys:
        path = survey.apiserver.encryption_config if survey.apiserver else None
        if path and path in survey.missing:
            yield Finding(
                level="warn",
                code="encryption_config_missing",
                text=f"{survey.node}: the API server's flags name {path}, which is not there",
                hint="Without its keys the Secrets in the snapshot cannot be read: keep that file elsewhere too.",
            )
