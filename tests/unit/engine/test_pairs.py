"""A snapshot and the bundle that was made with it: kept together on their node, sent one by one, never mixed."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from builders.doubled_nodes import DoubledNodes, failure, nodes_spec
from builders.etcd_facts import endpoint, etcd_facts, status
from builders.openshift_facts import openshift_survey
from builders.services import START, MemoryServices, services_with
from builders.specs import cluster_spec
from holdfast.drivers.registry import driver_of
from holdfast.engine.backup import put_manifest, start
from holdfast.engine.node_snapshot import snapshot_by_node
from holdfast.engine.secrets import bundle_secrets, nodes_with_secrets
from holdfast.errors import HoldfastError, RefusedError
from holdfast.models.command import Command
from holdfast.models.plan import BackupPlan, MemberChoice
from holdfast.models.run import BackupRequest, BackupRun, BackupState
from holdfast.planning.backup_plan import plan_backup
from holdfast.planning.naming import backup_id
from holdfast.transports.memory import MemoryTransport

CLUSTER = "prod-1"
BACKUP = backup_id(START, "manual", "x")
RUN = f"{CLUSTER}-{BACKUP}"
DRIVER = driver_of("openshift")


class Site:
    """One run at its state Snapshot, with hosts in memory."""

    def __init__(self, *, force: bool = False, **answers: Any) -> None:
        spec = nodes_spec(driver="openshift")
        self.services: MemoryServices = services_with(spec)
        self.commands: list[tuple[str, Command]] = []
        self.hosts = DoubledNodes(
            self.services, on_command=lambda node, command: self.commands.append((node, command)), **answers
        )
        self.transport: MemoryTransport = self.hosts.transport(looks=0)
        member = MemberChoice(
            endpoint=endpoint(1), member_id="a1", name="etcd-1", version="3.5.18", reason="it", node="n1"
        )
        self.plan: BackupPlan = plan_backup(
            spec,
            etcd_facts(*(status(number) for number in (1, 2, 3))),
            member,
            findings=(),
            surveys=tuple(openshift_survey(number) for number in (1, 2, 3)),
            run_id=RUN,
            backup=BACKUP,
            kind="manual",
            now=START,
            force=force,
        )
        run = BackupRun(run_id=RUN, cluster_id=CLUSTER, backup_id=BACKUP, kind="manual", started_at=START)
        self.state = BackupState(run=run, bundled=True)

    def snapshot(self) -> BackupState:
        """One look."""
        self.state = snapshot_by_node(self.services, self.transport, DRIVER, self.plan, self.state)
        return self.state

    def snapshots(self) -> BackupState:
        while self.snapshot().pending:
            self.services.clock.advance(timedelta(seconds=60))
        return self.state

    def secrets(self) -> BackupState:
        self.state = bundle_secrets(self.services, self.transport, DRIVER, self.plan, self.state)
        return self.state

    def asked(self, name: str) -> list[tuple[str, Command]]:
        return [(node, command) for node, command in self.commands if name in command.secrets]


def test_the_bundle_of_the_snapshots_own_step_is_sent_and_then_removed() -> None:
    site = Site()
    state = site.snapshots()
    assert state.kept == f"{RUN}.snapshot.snapshot.1"
    assert not state.possibly_dirty
    assert nodes_with_secrets(site.plan) == ("n1",)
    done = site.secrets()
    ((node, command),) = site.asked("bundle_url")
    assert state.snapshot
    assert (node, command.values["kept"], command.values["snapshot_sha256"]) == (
        "n1",
        state.kept,
        state.snapshot.sha256,
    )
    assert [bundle.node for bundle in done.bundles] == ["n1"]
    assert ("n1", state.kept) in site.transport.cancelled


def test_another_attempt_begins_after_the_first_ones_step_is_gone_with_what_it_kept() -> None:
    site = Site(snapshot_answers=[failure("openshift_progressing", "the etcd operator is progressing")])
    pending = site.snapshot().pending
    assert pending
    assert pending.wait_s == 270, "a rollout takes minutes"
    first, second = (f"{RUN}.snapshot.snapshot.{attempt}" for attempt in (1, 2))
    assert [(step.key, step.replaces) for step in pending.steps] == [(second, first)]
    assert site.snapshots().kept == second
    assert ("n1", first) in site.transport.cancelled


def test_a_rollout_that_does_not_end_is_told_after_three_attempts() -> None:
    site = Site(snapshot_answers=[failure("openshift_progressing")] * 3)
    with pytest.raises(HoldfastError) as raised:
        site.snapshots()
    assert (raised.value.code, raised.value.family) == ("openshift_progressing", "transient")


@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("force", [False, True])
def test_a_pair_is_possibly_dirty_when_it_was_forced_or_says_so_itself(force: bool, said: bool) -> None:
    site = Site(force=force, edit=lambda report: report | {"possibly_dirty": said})
    state = site.snapshots()
    assert state.possibly_dirty == (force or said)
    ((_, command),) = site.asked("plan_url")
    assert command.values["force"] == ("1" if force else "")


@pytest.mark.parametrize("code", ["openshift_pair_lost", "upload_denied"])
def test_without_its_bundle_the_backup_fails(code: str) -> None:
    site = Site(bundle_answers={"n1": [failure(code)]})
    site.snapshots()
    with pytest.raises(HoldfastError) as raised:
        site.secrets()
    assert raised.value.code == code


def test_a_bundle_that_may_arrive_later_is_sent_again_from_the_same_place() -> None:
    site = Site(bundle_answers={"n1": [failure("upload_unreachable")]})
    kept = site.snapshots().kept
    assert site.secrets().pending
    assert ("n1", kept) not in site.transport.cancelled
    assert site.secrets().bundles
    assert [command.values["kept"] for _, command in site.asked("bundle_url")] == [kept, kept]


def test_the_manifest_tells_the_release_and_what_was_forced() -> None:
    site = Site(force=True)
    site.snapshots()
    state = site.secrets()
    assert state.snapshot
    digest = hashlib.sha256(b"x").hexdigest()
    manifest = put_manifest(site.services, site.plan, state, state.snapshot, plan_sha256=digest)
    assert manifest.possibly_dirty
    assert manifest.source.platform_version == "4.18.12"
    assert any("possibly dirty" in warning for warning in manifest.warnings)


def test_after_a_rollout_in_between_the_release_that_was_seen_before_it_is_nobodys() -> None:
    """It may have been the beginning of an upgrade: then the pair is of another release than the look, or of two."""
    site = Site(snapshot_answers=[failure("openshift_progressing", "the etcd operator is progressing")])
    site.snapshots()
    state = BackupState.model_validate_json(site.secrets().model_dump_json())
    assert state.snapshot
    manifest = put_manifest(site.services, site.plan, state, state.snapshot, plan_sha256="0" * 64)
    assert manifest.source.platform_version == ""


def test_an_attempt_that_failed_for_another_reason_leaves_the_release_known() -> None:
    site = Site(snapshot_answers=[failure("upload_unreachable")])
    site.snapshots()
    state = site.secrets()
    assert state.snapshot
    manifest = put_manifest(site.services, site.plan, state, state.snapshot, plan_sha256="0" * 64)
    assert manifest.source.platform_version == "4.18.12"


def test_an_archive_that_stays_on_its_host_is_nobodys_to_send() -> None:
    site = Site()
    site.plan = site.plan.model_copy(update={"keep_at": "/var/lib/holdfast-old/run-1/emergency"})
    assert site.snapshots().kept is None
    ((_, command),) = site.asked("plan_url")
    assert command.values["keep_at"] == "/var/lib/holdfast-old/run-1/emergency"


@pytest.mark.parametrize("spec", [nodes_spec(), cluster_spec("prod-1", driver="openshift")], ids=["kubeadm", "direct"])
def test_force_is_refused_where_nothing_would_be_passed_over(spec: Any) -> None:
    services = services_with(spec)
    with pytest.raises(RefusedError) as refused:
        start(services, BackupRequest(cluster=spec.id, force=True), RUN, START)
    assert refused.value.code == "force_unsupported"


def test_containers_alone_are_no_hosts_for_the_vendors_script() -> None:
    site = Site()
    site.transport.capabilities = frozenset({"exec"})
    with pytest.raises(RefusedError) as refused:
        site.snapshot()
    assert refused.value.code == "openshift_needs_hosts"
