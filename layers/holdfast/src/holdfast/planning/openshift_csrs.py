"""The plan by which kubelets' certificate requests are approved when nothing else is wrong. docs/drivers/openshift.md,
"Certificates": expired ones need no restore."""

from collections.abc import Iterator
from datetime import datetime

from holdfast.drivers.openshift.csr_steps import csr_steps
from holdfast.errors import RefusedError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.planning import restore_node_checks as of_nodes
from holdfast.planning.openshift_hosts import hosts
from holdfast.planning.restore_findings import ordered
from holdfast.planning.restore_seen import RestoreSeen


def csr_findings(seen: RestoreSeen, request: ChangeRequest) -> tuple[Finding, ...]:
    return ordered(request.allow, _found(seen, request))


def _found(seen: RestoreSeen, request: ChangeRequest) -> Iterator[Finding]:
    yield from of_nodes.root(seen)
    asked = asked_host(seen)
    if asked is None:
        yield Finding(
            level="refuse",
            code="openshift_api_silent",
            text="no control-plane host that answers has an API server that does",
            hint="`crictl ps -a --name kube-apiserver` on a host says whether it runs; without a quorum of etcd it "
            "does not: holdfast member status tells.",
        )
        return
    unknown = sorted(set(request.nodes) - _known(asked))
    if unknown:
        yield Finding(
            level="info",
            code="nodes_named",
            text=f"a client certificate is approved for {', '.join(unknown)} although the control plane does not know "
            "such a node, as you named it",
        )


def _known(survey: NodeSurvey) -> set[str]:
    """Of the control plane alone: a survey does not list the others."""
    cluster = survey.openshift.cluster if survey.openshift else None
    return {each.name for each in cluster.nodes} if cluster else set()


def asked_host(seen: RestoreSeen) -> NodeSurvey | None:
    """The host whose API server answered most questions."""
    told = [
        (len(survey.openshift.cluster.unanswered), survey.node, survey)
        for survey in hosts(seen)
        if survey.openshift and survey.openshift.cluster
    ]
    return min(told, default=(0, "", None), key=lambda each: each[:2])[2]


def plan_csrs(
    spec: ClusterSpec,
    seen: RestoreSeen,
    request: ChangeRequest,
    *,
    run_id: str,
    findings: tuple[Finding, ...],
    now: datetime,
) -> RestorePlan:
    """RefusedError `openshift_api_silent`. Nothing of etcd is touched, so no backup is made first."""
    asked = asked_host(seen)
    if asked is None:
        first = next(each for each in findings if each.code == "openshift_api_silent")
        raise RefusedError(first.code, first.text, hint=first.hint)
    return RestorePlan(
        job="approve-csrs",
        cluster_id=spec.id,
        run_id=run_id,
        made_at=now,
        driver=spec.driver,
        transport=spec.transport.kind,
        allowed=request.allow,
        findings=findings,
        steps=csr_steps(asked.node, named=request.nodes, wait=False),
    )
