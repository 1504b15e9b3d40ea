"""The watch over OpenShift's release: its first state, over a host whose survey is the real script's."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from builders.backed_up import CLUSTER, one_backup, only_backup, rewrite_manifest
from builders.doubled_nodes import DoubledNodes, nodes_spec
from builders.openshift_host import ANSWERS, openshift_host, survey_of
from builders.services import START, MemoryServices
from holdfast.engine import backup
from holdfast.engine.version_watch import last_backup, start_if_changed
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.command import CommandResult
from holdfast.models.plan import BackupPlan
from holdfast.models.run import BackupRequest, BackupState
from holdfast.planning.backup_plan import LEASE
from holdfast.planning.naming import run_key, scheduled_run_id

NOW = START + timedelta(hours=6)
RUN = scheduled_run_id(CLUSTER, NOW, "version-changed")
REQUEST = BackupRequest(cluster=CLUSTER, kind="recurring", when="version-changed")
VERSION = "clusterversion version"
OPERATORS = "clusteroperators"


@dataclass
class OpenShift(DoubledNodes):
    """One host. `answers` are what its API says otherwise."""

    folder: Path = Path()
    answers: dict[str, str | None] = field(default_factory=dict)
    asked: int = 0

    def _survey(self, node: str) -> CommandResult:
        del node
        self.asked += 1
        return survey_of(self.folder / f"ask-{self.asked}", self.folder / "root", answers=self.answers)


def told(version: str, progressing: str = "False") -> str:
    return f"{version}\t{progressing}\t2026-03-01T08:00:00Z"


@pytest.fixture
def host(tmp_path: Path) -> OpenShift:
    """A cluster of 4.18.12 whose only backup is of 4.18.11."""
    services = one_backup()
    rewrite_release(services, "4.18.11")
    services.clusters.put(nodes_spec(CLUSTER, count=1, driver="openshift"), replace=True)
    openshift_host(tmp_path / "root")
    made = OpenShift(services, count=1, members=1, folder=tmp_path)
    services.transport = made.transport()
    services.clock.now = NOW
    return made


def rewrite_release(services: MemoryServices, version: str, **changes: object) -> None:
    backup = only_backup(services)
    source = json.loads(services.bucket.read(f"{CLUSTER}/{backup}/manifest.json"))["source"]
    rewrite_manifest(services, backup, source=source | {"platform_version": version}, **changes)


def started(host: OpenShift, before_each: Callable[[], None] = lambda: None, *, run: str = RUN) -> BackupState:
    """Started until it has nothing to wait for, as JSON carries what it leaves."""
    state: BackupState | None = None
    for _ in range(20):
        before_each()
        state = start_if_changed(host.services, REQUEST, run, NOW, state.pending if state else None)
        state = BackupState.model_validate_json(state.model_dump_json())
        if state.pending is None:
            return state
        host.services.clock.advance(timedelta(seconds=state.pending.wait_s))
    raise AssertionError("it waits for ever")


def skipped(host: OpenShift) -> str:
    """Why; and that nothing remains of it but steps on the host."""
    before = dict(host.services.bucket.objects)
    state = started(host)
    assert state.skipped
    assert state.plan_sha256 is None
    assert host.services.bucket.objects == before
    assert host.services.runs.list(CLUSTER, 10)[0].run_id != RUN
    assert host.services.leases.holder(CLUSTER) != RUN
    assert len(host.services.notifier.outcomes) == 1
    return state.skipped


def test_a_release_that_has_changed_starts_a_backup_that_says_why(host: OpenShift) -> None:
    state = started(host)
    assert (state.skipped, state.run.run_id, state.run.kind) == (None, RUN, "recurring")
    assert host.services.leases.holder(CLUSTER) == RUN
    assert host.services.runs.get(CLUSTER, RUN).status == "running"
    plan = BackupPlan.model_validate_json(host.services.bucket.read(run_key(CLUSTER, RUN, "plan.json")))
    assert plan.findings[0].code == "version_changed"
    assert plan.findings[0].text == f"the cluster has 4.18.12, and {only_backup(host.services)} is of 4.18.11"


def test_the_backup_is_of_the_new_release_and_the_next_look_finds_it(host: OpenShift) -> None:
    state = started(host)
    for phase in (backup.take_snapshot, backup.take_secrets):
        state = phase(host.services, state)
        while state.pending:
            host.services.clock.advance(timedelta(seconds=state.pending.wait_s))
            state = phase(host.services, state)
    assert backup.seal(host.services, state).source.platform_version == "4.18.12"
    host.services.leases.release(CLUSTER, RUN)
    next_one = scheduled_run_id(CLUSTER, NOW + timedelta(hours=1), "version-changed")
    assert started(host, run=next_one).skipped == (
        f"the newest backup, {state.run.backup_id}, is of 4.18.12 as the cluster is"
    )


@pytest.mark.parametrize("now_is", [told("4.18.12"), told("4.18.12", "True"), None])
def test_what_has_become_a_backup_stays_one_whatever_a_retry_sees(host: OpenShift, now_is: str | None) -> None:
    """As when its function was killed right after it had taken the lease."""
    host.services.runs.fail("open", TransientError("state_unavailable", "the test says so"))
    with pytest.raises(TransientError, match="state_unavailable"):
        started(host)
    host.answers[VERSION] = now_is
    state = started(host)
    assert state.skipped is None
    assert state.plan_sha256
    assert host.services.leases.holder(CLUSTER) == RUN


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({VERSION: told("4.18.11")}, "as the cluster is"),
        ({VERSION: told("4.18.12", "True")}, "on its way to 4.18.12"),
        ({VERSION: None}, "told the cluster's version"),
        ({OPERATORS: ANSWERS[OPERATORS].replace("etcd\tTrue\tFalse", "etcd\tTrue\tTrue")}, "[openshift_progressing]"),
    ],
)
def test_a_look_that_finds_no_reason_or_a_cluster_at_work_is_quiet(
    host: OpenShift, answers: Mapping[str, str | None], why: str
) -> None:
    host.answers.update(answers)
    assert why in skipped(host)


def test_without_any_backup_none_is_made(host: OpenShift) -> None:
    services = host.services
    services.bucket.remove([key for key in list(services.bucket.objects) if "/runs/" not in key])
    assert "no backup yet" in skipped(host)


def test_while_another_run_is_at_work_it_is_quiet_and_leaves_its_lease_alone(host: OpenShift) -> None:
    now = host.services.clock()
    host.services.leases.acquire(CLUSTER, "the other run", now=now, expires_at=now + LEASE)
    assert "[lease_held]" in skipped(host)
    assert host.services.leases.holder(CLUSTER) == "the other run"


def test_a_look_takes_no_lease_that_a_scheduled_backup_could_meet(host: OpenShift) -> None:
    host.answers[VERSION] = told("4.18.11")
    owners: set[str | None] = set()
    assert started(host, lambda: owners.add(host.services.leases.holder(CLUSTER))).skipped
    assert owners == {None}


@pytest.mark.parametrize("error", [TransientError, PermanentError])
def test_hosts_that_cannot_be_reached_are_nobodys_message(host: OpenShift, error: type[HoldfastError]) -> None:
    transport = host.transport()
    transport.fail("run", *[error("node_unreachable", "nobody answers")] * 10)
    host.services.transport = transport
    assert "node_unreachable" in skipped(host)


def test_a_cluster_that_is_registered_no_more_is_nobodys_message(host: OpenShift) -> None:
    host.services.clusters.remove(CLUSTER)
    assert "[cluster_unknown]" in skipped(host)


def test_a_backup_that_is_possibly_dirty_counts_for_nothing(host: OpenShift) -> None:
    rewrite_release(host.services, "4.18.12", possibly_dirty=True)
    assert last_backup(host.services, CLUSTER) is None


def test_a_backup_that_does_not_tell_its_release_is_made_anew(host: OpenShift) -> None:
    rewrite_release(host.services, "")
    assert started(host).skipped is None
