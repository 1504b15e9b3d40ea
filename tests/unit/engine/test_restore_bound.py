"""Who writes into the bucket and nowhere else makes nobody carry out a plan of his, and answers for nobody."""

import json

import pytest

from builders.changes import RUN, approved, begin, end, note, restore_plan
from builders.doubled_nodes import nodes_spec
from builders.doubled_restores import NAME, restorable, started
from builders.doubled_runs import CLUSTER as DOUBLED
from builders.phases import STEPS, PhaseScene, phase_scene
from builders.services import services_with
from holdfast.engine.restore.again import again
from holdfast.engine.restore.emergency import load
from holdfast.engine.restore.ending import decide
from holdfast.engine.restore.stored import find_approval, run_of
from holdfast.errors import RefusedError
from holdfast.models.approval import Approval
from holdfast.models.restore import ChangeFailed, ChangeRequest, ExecutionContext, RestorePlan
from holdfast.models.run import CaughtError
from holdfast.planning.naming import run_key

CLUSTER = "prod-1"
PLAN = restore_plan(steps=STEPS)


def doctored() -> RestorePlan:
    """Another snapshot, and data into another directory."""
    text = PLAN.model_dump_json().replace("/var/lib/etcd", "/var/lib/evil")
    return RestorePlan.model_validate_json(text).model_copy(update={"snapshot_key": f"{CLUSTER}/evil.db"})


def write_over(scene: PhaseScene, plan: RestorePlan) -> None:
    """With an approval that fits it: both lie in the bucket."""
    answer = Approval(cluster=CLUSTER, digest=plan.digest, approved_by="ops", approved_at=scene.services.clock())
    scene.services.bucket.put(run_key(CLUSTER, RUN, "plan.json"), plan.model_dump_json().encode())
    scene.services.bucket.put(run_key(CLUSTER, RUN, "approval.json"), answer.model_dump_json().encode())


def test_a_plan_that_was_written_over_with_its_approval_reaches_no_node() -> None:
    scene = phase_scene(PLAN)
    write_over(scene, doctored())
    with pytest.raises(RefusedError, match="plan_changed"):
        scene.look("Shutdown")
    assert scene.nodes.ran == []


def test_a_doctored_plan_is_not_taken_back_either() -> None:
    """What takes steps back runs as root too, and nobody is asked before it."""
    scene = phase_scene(PLAN)
    note(scene.services, "stop-api", status="started")
    write_over(scene, doctored())
    with pytest.raises(RefusedError, match="plan_changed"):
        scene.look("Rollback")
    assert scene.nodes.ran == []


def test_an_approval_that_somebody_wrote_into_the_bucket_is_nobodys() -> None:
    scene = phase_scene(PLAN)
    write_over(scene, PLAN)
    assert find_approval(scene.services, scene.run) is None


def test_a_run_that_goes_on_knows_its_plan_and_its_approval() -> None:
    services = services_with(nodes_spec())
    begin(services)
    approved(services)
    end(services, code="node_unreachable", phase="Restore")
    state = again(services, ChangeRequest(cluster=CLUSTER, resume=RUN), f"{RUN}-2")
    assert state.approved


def test_a_run_that_goes_on_believes_no_approval_of_the_buckets_alone() -> None:
    scene = phase_scene(PLAN)
    write_over(scene, PLAN)
    end(scene.services, code="node_unreachable", phase="Restore")
    assert not again(scene.services, ChangeRequest(cluster=CLUSTER, resume=RUN), f"{RUN}-2").approved


def test_the_plan_that_waits_for_the_emergency_backup_is_not_changed_meanwhile() -> None:
    services, _, backup = restorable()
    started(services, backup=backup, allow=("cluster_healthy",))
    key = run_key(DOUBLED, NAME, "emergency.json")
    told = json.loads(services.bucket.read(key))
    told["plan"]["snapshot_key"] = f"{DOUBLED}/evil.db"
    services.bucket.put(key, json.dumps(told).encode())
    with pytest.raises(RefusedError, match="plan_changed"):
        load(services, run_of(services.runs.get(DOUBLED, NAME)))


def test_the_end_of_a_run_is_told_whatever_was_written_over() -> None:
    scene = phase_scene(PLAN)
    note(scene.services, "stop-api", status="started")
    write_over(scene, doctored())
    execution = ExecutionContext.model_validate({"Name": RUN, "StartTime": scene.services.clock()})
    caught = CaughtError(Error="RefusedError", Cause="{}")
    failure = decide(scene.services, ChangeFailed(execution=execution, run=scene.run, error=caught))
    assert not failure.goes_back
