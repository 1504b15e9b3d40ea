"""A restore of prod-1 for tests of who looks at it: a plan of three nodes, its run, its question, what was noted."""

from datetime import timedelta
from typing import Any

from builders.runs import NOON, run_record
from builders.services import MemoryServices
from holdfast.engine.restore.approving import ask
from holdfast.engine.restore.journal import Journal
from holdfast.engine.restore.stored import APPROVAL, PLAN, put_bound, run_of
from holdfast.models.approval import Approval
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRun, NodeCommand, RestorePlan, RestoreStep, StepRecord
from holdfast.models.run import ErrorInfo, Outcome, Progress

BACKUP = "20261120T120000Z-r-1a2b3c"
RUN = "prod-1-20261120T130000Z-m-4d5e6f"
NODES = ("n1", "n2", "n3")
TOKEN = "a-task-token-that-nobody-may-see"


def step(name: str, phase: str, script: str, **changes: Any) -> RestoreStep:
    commands = tuple(NodeCommand(node=node, values={"data_dir": "/var/lib/etcd", "limit_s": "300"}) for node in NODES)
    fields: dict[str, Any] = {
        "name": name,
        "phase": phase,
        "title": f"Do {name}",
        "script": script,
        "commands": commands,
        "done_when": f"{name} is over",
    }
    return RestoreStep.model_validate(fields | changes)


def restore_plan(**changes: Any) -> RestorePlan:
    fields: dict[str, Any] = {
        "job": "restore",
        "cluster_id": "prod-1",
        "run_id": RUN,
        "backup_id": BACKUP,
        "mode": "etcd",
        "made_at": NOON,
        "driver": "kubeadm",
        "transport": "ssh",
        "emergency": "20261120T130000Z-m-aaaaaa",
        "revision": 77,
        "hash_kv": 4711,
        "counts": {"pods": 3, "configmaps": 4},
        "findings": (Finding(level="warn", code="clock_off", text="n2 is late", hint="Start its time service."),),
        "steps": (
            step("stop-api", "Shutdown", "stop_pods", undo="put_pods_back"),
            step("fetch", "Restore", "fetch", undo="forget_new", grant="snapshot"),
            step("swap", "Restore", "swap", no_return=True),
            step("start-api", "RestartCluster", "start_api", one_by_one=True),
            step("report", "Finished", "", commands=()),
        ),
    }
    return RestorePlan.model_validate(fields | changes)


def begin(services: MemoryServices, *, plan: RestorePlan | None = None, **changes: Any) -> RestorePlan:
    """The run's record and plan are stored, and its execution is there."""
    made = plan or restore_plan()
    fields: dict[str, Any] = {"job": made.job, "execution": RUN, "backup_id": made.backup_id, "kind": "manual"}
    services.runs.open(run_record(RUN, **fields | changes))
    run = ChangeRun.model_validate(
        {"run_id": RUN, "execution": RUN, "cluster_id": "prod-1", "job": made.job, "started_at": NOON}
    )
    put_bound(services, run, PLAN, made.model_dump_json().encode())
    services.changes.start(RUN, "{}")
    return made


def wait_for_approval(services: MemoryServices) -> None:
    services.changes.wait_for(TOKEN)
    ask(services, run_of(services.runs.get("prod-1", RUN)), TOKEN)


def approved(services: MemoryServices, by: str = "arn:aws:iam::123456789012:user/ops") -> None:
    answer = Approval(cluster="prod-1", digest=restore_plan().digest, approved_by=by, approved_at=NOON)
    put_bound(services, run_of(services.runs.get("prod-1", RUN)), APPROVAL, answer.model_dump_json().encode())
    services.runs.ask("prod-1", RUN, None)


def reach(services: MemoryServices, phase: str, done: int = 0, total: int = 0) -> None:
    services.runs.progress("prod-1", RUN, Progress(phase=phase, done=done, total=total, unit="steps"))


def note(
    services: MemoryServices, name: str, nodes: tuple[str, ...] = NODES, status: str = "done", **more: Any
) -> None:
    """What a phase notes of a step: that it began, and how it went."""
    journal = Journal(services, run_of(services.runs.get("prod-1", RUN)))
    for node in nodes:
        fields = {"step": name, "node": node, "attempt": 1, "at": NOON, "started_at": NOON} | more
        journal.note(StepRecord.model_validate(fields | {"status": "started", "error": None}))
        if status != "started":
            ended = {"status": status, "at": NOON + timedelta(seconds=7)}
            journal.note(StepRecord.model_validate(fields | ended))


def end(services: MemoryServices, *, code: str = "", phase: str = "Finished") -> None:
    error = ErrorInfo(code=code, family="permanent", message="it broke", hint="Mend it.") if code else None
    services.runs.close(
        Outcome(
            run_id=RUN,
            job="restore",
            cluster_id="prod-1",
            backup_id=BACKUP,
            status="failed" if code else "succeeded",
            phase=phase,
            started_at=NOON,
            finished_at=NOON + timedelta(seconds=61),
            error=error,
        )
    )
    services.changes.finish(RUN, error=code)
