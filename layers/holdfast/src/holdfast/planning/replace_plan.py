"""The plan of a member's replacement: it goes off the list, its data are put aside, and it joins again as a learner."""

from datetime import datetime

from holdfast.drivers.registry import driver_of
from holdfast.drivers.restore import ReplaceTask, RestoreDriver, TaskNode
from holdfast.errors import RefusedError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EtcdFacts, Member
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestoreFacts, RestorePlan
from holdfast.planning.quorum import healthy_voters
from holdfast.planning.replace_findings import Course, course, replacement_findings, shape
from holdfast.planning.restore_nodes import task_node
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

__all__ = ["plan_replacement", "replacement_findings"]


def plan_replacement(
    spec: ClusterSpec,
    seen: RestoreSeen,
    node: str,
    request: ChangeRequest,
    *,
    run_id: str,
    emergency: str | None,
    findings: tuple[Finding, ...],
    now: datetime,
    backup: ChosenBackup | None = None,
) -> RestorePlan:
    """`backup` is only for its files, on a host that lost them. RefusedError with the code of the first finding that
    refuses, when that leaves nothing to plan with."""
    driver = driver_of(spec.driver)
    survey = seen.survey_of(node)
    way = course(seen, node, backup)
    helper = _helper(driver, seen, node)
    if survey is None or way is None or helper is None or seen.etcd is None:
        raise _impossible(findings, node)
    laid_out = shape(survey, backup)
    files = backup if laid_out is not survey else None
    new = task_node(driver, laid_out, seen.facts.get(node, RestoreFacts()), files)
    others = tuple(each for each in _sound(driver, seen, node) if each.node != helper.node)
    task = ReplaceTask(
        run_id=run_id,
        node=new,
        helper=helper,
        others=(helper, *others),
        member_id=way.gone.member_id if way.gone else "",
        initial_cluster=_initial_cluster(way, new),
        voters=way.promoted.voters,
        raw_size=max((status.db_size for status in seen.etcd.statuses), default=0),
        tallies=(str(way.before), str(way.removed), str(way.promoted)),
    )
    return RestorePlan(
        job="replace-member",
        cluster_id=spec.id,
        run_id=run_id,
        replaced=node,
        made_at=now,
        driver=spec.driver,
        transport=spec.transport.kind,
        emergency=emergency,
        signature=files.signature if files else "unchecked",
        manifest_sha256=files.manifest_sha256 if files else "",
        bundle_keys={new.node: new.bundle.key} if new.bundle else {},
        allowed=request.allow,
        findings=findings,
        steps=driver.replace_steps(task),
    )


def _sound(driver: RestoreDriver, seen: RestoreSeen, without: str) -> tuple[TaskNode, ...]:
    """Nodes whose members are healthy voters, in the order of their names."""
    healthy = healthy_voters(seen.etcd) if seen.etcd else frozenset[str]()
    names = sorted(node for member, node in seen.nodes.items() if member in healthy and node != without)
    surveys = [survey for name in names if (survey := seen.survey_of(name)) and survey.etcd]
    return tuple(task_node(driver, survey, seen.facts.get(survey.node, RestoreFacts()), None) for survey in surveys)


def _helper(driver: RestoreDriver, seen: RestoreSeen, without: str) -> TaskNode | None:
    """A follower before the leader: etcd hands the call on to it by itself."""
    sound = _sound(driver, seen, without)
    leaders = _leaders(seen.etcd) if seen.etcd else frozenset[str]()
    leading = {node for member, node in seen.nodes.items() if member in leaders}
    return min(sound, key=lambda node: (node.node in leading, node.node), default=None)


def _leaders(etcd: EtcdFacts) -> frozenset[str]:
    return frozenset(status.leader_id for status in etcd.statuses)


def _initial_cluster(way: Course, new: TaskNode) -> str:
    members = [*way.staying, _as_member(new)]
    return ",".join(f"{member.name}={url}" for member in members for url in member.peer_urls)


def _as_member(node: TaskNode) -> Member:
    layout = node.member
    return Member(member_id="", name=layout.name if layout else node.name, peer_urls=layout.peer_urls if layout else ())


def _impossible(findings: tuple[Finding, ...], node: str) -> RefusedError:
    first = next((finding for finding in findings if finding.level == "refuse"), None)
    if first is None:
        return RefusedError("node_unreachable", f"{node} did not answer, or no sound member did")
    return RefusedError(first.code, first.text, hint=first.hint)
