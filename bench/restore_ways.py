"""The same restore twice: by Holdfast, from a person's approval on, and by restore_by_hand.sh, from the yes on."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bench.problem import BenchError
from bench.restore_lab import Backup, Lab
from bench.restore_probe import follow
from builders.real_restore import Execution
from holdfast.models.restore import RestorePlan, StepRecord

_SCRIPT = Path(__file__).with_name("restore_by_hand.sh")
_DEADLINE_S = 900


@dataclass(frozen=True)
class Timed:
    """Seconds from the approval: until the first API server answered again, until all was back, and to the end of the
    way's own checks. By step, how long after the end of the one before it its own end was known; the same added up by
    phase. `load` is the machine's average when it began, `kept` are folders on the nodes with the old data."""

    first_api_s: float
    ready_s: float
    end_s: float
    load: float
    steps_s: dict[str, float]
    kept: tuple[str, ...]
    phases_s: dict[str, float] = field(default_factory=dict)


def by_holdfast(lab: Lab, backup: Backup) -> Timed:
    there = lab.there
    execution = there.start(backup=backup.backup_id, mode="etcd", allow=["cluster_healthy"])
    _wait_for_the_question(lab, execution)
    load, since = os.getloadavg()[0], time.monotonic()
    there.approve(execution.name)
    seen = lab.probe.wait_for_recovery(since, lambda: lab.describe(execution.arn))
    ended = lab.end_of(execution.arn)["stopDate"]
    status = there.status(execution.name)
    if status.plan is None or status.approval is None:
        raise BenchError(f"the run {execution.name} has no plan or no approval")
    # All clocks are this machine's: the embedded stack runs here.
    approved = status.approval.approved_at
    steps = steps_of(status.records, approved)
    return Timed(
        first_api_s=seen.first_api - since,
        ready_s=seen.ready - since,
        end_s=(ended - approved).total_seconds(),
        load=load,
        steps_s=steps,
        kept=tuple({each.values["keep"] for each in status.plan.step("swap").commands}),
        phases_s=phases_of(status.plan, steps),
    )


def _wait_for_the_question(lab: Lab, execution: Execution) -> None:
    until = time.monotonic() + _DEADLINE_S
    while time.monotonic() < until:
        lab.describe(execution.arn)
        record = lab.there.record(execution.name)
        if record and record.question:
            return
        time.sleep(0.5)
    raise BenchError(f"{execution.name} asked nothing within {_DEADLINE_S} s")


def steps_of(records: Sequence[StepRecord], approved: datetime) -> dict[str, float]:
    """A step ends on its last node, when the nodes were found to agree where they have to."""
    ends: dict[str, float] = {}
    for record in records:
        if record.status == "done" and not record.undo:
            ends[record.step] = max(record.at.timestamp(), ends.get(record.step, 0.0))
    return _differences(approved.timestamp(), ends)


def _differences(begun: float, ends: dict[str, float]) -> dict[str, float]:
    ordered = sorted(ends, key=ends.__getitem__)
    before = [begun, *(ends[name] for name in ordered)]
    return {name: ends[name] - earlier for name, earlier in zip(ordered, before, strict=False)}


def phases_of(plan: RestorePlan, steps: dict[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for step in plan.steps:
        found[step.phase] = found.get(step.phase, 0.0) + steps.get(step.name, 0.0)
    return found


def by_hand(lab: Lab, backup: Backup, name: str) -> Timed:
    """The script has its connections before it asks, as Holdfast has its plan."""
    told = backup.told | {"SSH_CONFIG": str(lab.there.cluster.ssh_config), "NAME": name}
    command = ["sh", str(_SCRIPT), *lab.there.cluster.nodes]
    with subprocess.Popen(
        command, env=os.environ | told, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            return _timed(lab, process, name)
        finally:
            process.terminate()


def _timed(lab: Lab, process: subprocess.Popen[str], name: str) -> Timed:
    if process.stdin is None or process.stdout is None:
        raise BenchError("a process without pipes")
    if not process.stdout.readline().startswith("restore "):
        raise BenchError("restore_by_hand.sh ended before it asked")
    ends: dict[str, float] = {}
    load, since = os.getloadavg()[0], time.monotonic()
    process.stdin.write("yes\n")
    process.stdin.close()
    said = follow(process.stdout, lambda at, line: ends.update({line.removeprefix("done "): at}))
    seen = lab.probe.wait_for_recovery(since, lambda: _refuse_failed(process, name))
    process.wait(timeout=_DEADLINE_S)
    ended = time.monotonic()
    _refuse_failed(process, name)
    said.join(timeout=10)
    return Timed(
        first_api_s=seen.first_api - since,
        ready_s=seen.ready - since,
        end_s=ended - since,
        load=load,
        steps_s=_differences(since, ends),
        kept=(f"/var/lib/etcd.{name}",),
    )


def _refuse_failed(process: subprocess.Popen[str], name: str) -> None:
    if process.poll() not in (None, 0):
        raise BenchError(
            f"restore_by_hand.sh ended with {process.returncode}; on the nodes are manifests in "
            f"/etc/kubernetes/{name} and data in /var/lib/etcd.{name}"
        )
