"""The plan of a replacement on OpenShift: from a diagnosis to the steps of its way."""

from datetime import datetime

from holdfast.drivers.openshift.member import replace_steps
from holdfast.drivers.openshift.member_values import MemberTask, Way
from holdfast.drivers.registry import driver_of
from holdfast.drivers.restore import TaskNode
from holdfast.errors import RefusedError
from holdfast.facts.openshift_release import read_release
from holdfast.models.cluster import ClusterSpec
from holdfast.models.openshift import OpenShiftCluster
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestoreFacts, RestorePlan
from holdfast.planning.openshift_members import Diagnosis, cluster_seen, diagnose, new_machine_name
from holdfast.planning.openshift_replace import way_of
from holdfast.planning.quorum import healthy_voters
from holdfast.planning.replace_findings import course
from holdfast.planning.restore_nodes import task_node
from holdfast.planning.restore_seen import RestoreSeen

# The quorum guard came with this release; before it the operator does not look at the number of members.
_GUARDED = (4, 10)
_BARE_METAL_HOST = (
    "apply the BMC's Secret and a BareMetalHost with automatedCleaningMode disabled, externallyProvisioned false and "
    "userData master-user-data-managed, until it is provisioned"
)


def plan_openshift_replacement(
    spec: ClusterSpec,
    seen: RestoreSeen,
    node: str,
    request: ChangeRequest,
    *,
    run_id: str,
    emergency: str | None,
    findings: tuple[Finding, ...],
    now: datetime,
) -> RestorePlan:
    """RefusedError with the code of the first finding that refuses, when that leaves nothing to plan with."""
    cluster, diagnosis = cluster_seen(seen), diagnose(spec, seen, node, now)
    turns = course(seen, node, name=diagnosis.name) if diagnosis else None
    helper = _helper(spec, seen, node)
    if cluster is None or diagnosis is None or turns is None or helper is None or seen.etcd is None:
        raise _impossible(findings, node)
    way, member_id = way_of(cluster, diagnosis), turns.gone.member_id if turns.gone else ""
    machine = diagnosis.machine.name if diagnosis.machine else ""
    task = MemberTask(
        run_id=run_id,
        name=diagnosis.name,
        way=way,
        helper=helper,
        host=_own_host(spec, seen, node, way, findings),
        member_id=member_id,
        corrupt=any(alarm.kind == "CORRUPT" and alarm.member_id == member_id for alarm in seen.etcd.alarms),
        machine=machine,
        new_machine=new_machine_name(machine, cluster.machines) if way == "machine" else "",
        known=tuple(each.name for each in cluster.machines),
        guarded=_is_guarded(cluster),
        voters=turns.promoted.voters,
        raw_size=max((status.db_size for status in seen.etcd.statuses), default=0),
        tallies=(str(turns.before), str(turns.removed)),
        instructions=_instructions(spec, cluster, diagnosis, run_id) if way == "by-hand" else "",
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
        allowed=request.allow,
        findings=findings,
        steps=replace_steps(task),
    )


def _is_guarded(cluster: OpenShiftCluster) -> bool:
    """A release that tells no number is taken for a new one: an override that nobody reads harms nobody."""
    release = read_release(cluster.version)
    return release is None or release.stream >= _GUARDED


def _helper(spec: ClusterSpec, seen: RestoreSeen, without: str) -> TaskNode | None:
    """The host that asks: of those with a healthy member whose own API server answers, a follower before the leader, as
    etcd hands the call on to it by itself."""
    if seen.etcd is None:
        return None
    leaders = {status.leader_id for status in seen.etcd.statuses}
    healthy = healthy_voters(seen.etcd)
    able = [
        (member in leaders, survey.node, survey)
        for member, where in seen.nodes.items()
        if member in healthy and where != without and (survey := seen.survey_of(where))
        if survey.etcd and survey.openshift and survey.openshift.cluster
    ]
    best = min(able, key=lambda each: each[:2], default=None)
    if best is None:
        return None
    return task_node(driver_of(spec.driver), best[2], seen.facts.get(best[1], RestoreFacts()), None)


def _own_host(
    spec: ClusterSpec, seen: RestoreSeen, node: str, way: Way, findings: tuple[Finding, ...]
) -> TaskNode | None:
    survey = seen.survey_of(node)
    if way != "same-node":
        return None
    if survey is None:
        raise _impossible(findings, node)
    return task_node(driver_of(spec.driver), survey, seen.facts.get(node, RestoreFacts()), None)


def _instructions(spec: ClusterSpec, cluster: OpenShiftCluster, diagnosis: Diagnosis, run_id: str) -> str:
    """In the order in which they are done, in few words: a script's message is cut after 600 characters.
    docs/drivers/openshift.md says more of each."""
    name, machine = diagnosis.name, diagnosis.machine
    if cluster.platform == "BareMetal" and machine:
        steps = [
            f"oc delete machine {machine.name} -n openshift-machine-api; when it stays, take its finalizer off",
            f"delete the BareMetalHost and the node {name}",
            _BARE_METAL_HOST,
        ]
    elif cluster.machines and machine is None:
        steps = ["oc apply a Machine of the control plane in openshift-machine-api, by the manifest of another one"]
        steps += ["wait until it is Running"]
    else:
        steps = [
            f"oc delete node {name}",
            f"install the host {name} anew under its name and address, with the control plane's ignition",
        ]
    if machine or not cluster.machines:
        steps.append(f"holdfast csr approve {spec.id} --node {name}")
    steps.append(f"holdfast restore resume {run_id}")
    return " ".join(f"{number}) {step}." for number, step in enumerate(steps, start=1))


def _impossible(findings: tuple[Finding, ...], node: str) -> RefusedError:
    first = next((finding for finding in findings if finding.level == "refuse"), None)
    if first is None:
        return RefusedError("node_unreachable", f"{node} did not answer, or no sound member's host reaches the API")
    return RefusedError(first.code, first.text, hint=first.hint)
