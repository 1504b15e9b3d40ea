"""The demo, step by step. Everything it says is measured in this run; any mismatch is an error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from holdfast.engine.catalog import list_backups, load_manifest
from holdfast.engine.clusters import apply_cluster
from holdfast.engine.download import download
from holdfast.engine.services import Services
from holdfast.engine.verification import load_report
from holdfast.engine.watching import POLL_S, Observation, follow
from holdfast.errors import PermanentError
from holdfast.local import stack
from holdfast.local.demo import setting
from holdfast.local.demo.figures import DemoFigures
from holdfast.local.demo.proof import Restored, restore_and_compare
from holdfast.local.demo.setting import CLUSTER_ID, Folder
from holdfast.local.demo.signals import ending_interrupts, undisturbed
from holdfast.local.demo.source import MEMBERS, SourceCluster
from holdfast.local.demo.view import DemoView
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.stack import StackInfo
from holdfast.models.backup import Manifest, VerificationReport
from holdfast.models.cluster import ClusterSpec
from holdfast.models.run import Outcome
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

FIRES_WITHIN_S = 60.0

type LoadSpec = Callable[[Path], ClusterSpec]


@dataclass(frozen=True)
class Told:
    """What the demo hands back. `kept` is the stack that goes on running, when that was asked for."""

    figures: DemoFigures
    folder: Folder
    kept: StackInfo | None


@dataclass
class _Stay:
    """Whether the stack goes on running."""

    wanted: bool = False


def run_demo(view: DemoView, load_spec: LoadSpec, *, keep: bool = False) -> Told:
    """Main thread only. Whatever happens, nothing is left but logs and caches; with `keep` and success, the stack.

    Fails with the codes of `setting.prepare`, `stack.up` and `LocalEtcd.start`, with `demo_busy`,
    `demo_schedule_silent`, `demo_backup_failed`, and `demo_mismatch` when the restored data is not the source's.
    """
    began = time.monotonic()
    folder = setting.prepare()
    with ending_interrupts(), setting.exclusive(folder), _cleaned(folder, view) as stay:
        view.step(f"Start the stack (no AWS, no Docker) and a real etcd: {MEMBERS} members, mutual TLS")
        setting.unpack(folder)
        with SourceCluster(folder.work / "source", folder.raw_snapshot) as starting:
            running = stack.up(folder.home, view.progress)
            source = starting.wait()
            view.note(f"stack at {running.endpoint}, etcd at {', '.join(source.endpoints)}")
            services = _services(running)
            spec = _apply(view, folder, running, source, services, load_spec)
            seen, outcome = _scheduled_run(view, services, folder)
            manifest, report = _look(view, services, outcome)
            restored = _prove(view, services, folder, source, manifest, report)
            if keep:
                _pause(services, spec)
                stay.wanted = True
    figures = _figures(seen, outcome, manifest, report, restored, time.monotonic() - began)
    return Told(figures, folder, running if keep else None)


@contextmanager
def _cleaned(folder: Folder, view: DemoView) -> Iterator[_Stay]:
    """Before: what a killed or a kept demo left. After: everything, unless the stack is to stay."""
    stack.down(folder.home)
    stay = _Stay()
    try:
        yield stay
    finally:
        with undisturbed():
            setting.clean_work(folder)
            if not stay.wanted:
                view.progress("stopping the stack and removing what it left")
                stack.down(folder.home)
                setting.clean_stack(folder)


def _services(running: StackInfo) -> Services:
    """As the command line makes them, from the stack's outputs; with test credentials, whatever the environment has."""
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - LocalStack takes any
        region_name=running.region,
    )
    return AwsServices(Settings.from_outputs(running.outputs), session, running.endpoint)


def _apply(
    view: DemoView, folder: Folder, running: StackInfo, source: LocalEtcd, services: Services, load_spec: LoadSpec
) -> ClusterSpec:
    view.step("Store the client certificate in Secrets Manager and apply cluster.yaml with its schedule")
    setting.store_credentials(running, source)
    file = setting.write_cluster_file(folder, source)
    view.note(file.read_text().rstrip())
    spec = load_spec(file)
    applied = apply_cluster(services, spec)
    view.note(f"cluster {applied.cluster_id} {applied.change}")
    return spec


def _scheduled_run(view: DemoView, services: Services, folder: Folder) -> tuple[Observation, Outcome]:
    view.step("EventBridge Scheduler fires; Step Functions takes the backup, phase by phase")
    view.progress("waiting for the schedule to fire")
    run_id = _first_run(services, folder)
    view.note(f"run {run_id}")
    seen = view.run(follow(services, CLUSTER_ID, run_id, sleep=time.sleep))
    outcome = seen.record.outcome if seen.record else None
    if outcome is None or outcome.status != "succeeded":
        error = outcome.error if outcome else None
        raise PermanentError(
            "demo_backup_failed",
            f"[{error.code}] {error.message}" if error else f"run {run_id} has no outcome",
            hint=f"the log of the stack: {folder.home.log}",
        )
    return seen, outcome


def _first_run(services: Services, folder: Folder) -> str:
    deadline = time.monotonic() + FIRES_WITHIN_S
    while time.monotonic() < deadline:
        if runs := services.runs.list(CLUSTER_ID, 1):
            return runs[0].run_id
        time.sleep(POLL_S)
    raise PermanentError(
        "demo_schedule_silent",
        f"no run appeared within {FIRES_WITHIN_S:.0f} s after the schedule was made",
        hint=f"the log of the stack: {folder.home.log}",
    )


def _look(view: DemoView, services: Services, outcome: Outcome) -> tuple[Manifest, VerificationReport]:
    view.step("List the backups; look at what the verification found")
    entries = list_backups(services.reader, CLUSTER_ID)
    newest = next((entry.backup_id for entry in entries if entry.state == "verified"), None)
    if newest is None or newest != outcome.backup_id:
        raise PermanentError("demo_backup_failed", f"backup {outcome.backup_id} is not listed as verified")
    manifest, _ = load_manifest(services.reader, CLUSTER_ID, newest)
    report = load_report(services.reader, CLUSTER_ID, newest)
    view.backups(entries, report)
    return manifest, report


def _prove(
    view: DemoView,
    services: Services,
    folder: Folder,
    source: LocalEtcd,
    manifest: Manifest,
    report: VerificationReport,
) -> Restored:
    view.step("Download it, restore it into a throw-away member, compare")
    view.progress("downloading")
    path, _ = download(services.reader, CLUSTER_ID, manifest.backup_id, folder.work / "download")
    view.progress("restoring with etcdutl")
    restored = restore_and_compare(path, folder.work / "restored", source, manifest, report)
    found = restored.comparison
    view.note(
        f"equal at revision {found.revision}: HashKV {found.hash_source.hash} of the source, the restored member "
        f"and the file; {found.keys_source} keys in each"
    )
    return restored


def _pause(services: Services, spec: ClusterSpec) -> None:
    """The etcd members go when the demo ends, so a schedule that went on would fail every five minutes."""
    if spec.schedule is not None:
        paused = spec.schedule.model_copy(update={"paused": True})
        apply_cluster(services, spec.model_copy(update={"schedule": paused}))


def _figures(
    seen: Observation,
    outcome: Outcome,
    manifest: Manifest,
    report: VerificationReport,
    restored: Restored,
    seconds: float,
) -> DemoFigures:
    snapshot = manifest.snapshot
    took = (snapshot.finished_at - snapshot.started_at).total_seconds()
    return DemoFigures(
        cluster_id=manifest.cluster_id,
        run_id=manifest.run_id,
        backup_id=manifest.backup_id,
        raw_size=snapshot.raw_size,
        size=snapshot.size,
        snapshot_seconds=round(took, 3),
        mb_per_second=round(snapshot.raw_size / 1e6 / took, 1) if took > 0 else 0.0,
        verify_seconds=report.seconds,
        run_seconds=round((outcome.finished_at - outcome.started_at).total_seconds(), 2),
        restore_seconds=restored.seconds,
        total_seconds=round(seconds, 1),
        sha256=snapshot.sha256,
        revision=report.database.head.revision,
        live_keys=report.database.live_keys,
        phases=seen.entered,
        member=manifest.source.member_name,
        member_reason=manifest.source.reason,
        etcd_version=manifest.source.etcd_version,
        comparison=restored.comparison,
    )
