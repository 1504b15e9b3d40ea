"""The demo, step by step. Everything it says is measured in this run; any mismatch is an error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from holdfast.engine.clusters import apply_cluster
from holdfast.engine.services import Services
from holdfast.local import stack
from holdfast.local.demo import ground, setting
from holdfast.local.demo.backing_up import back_up
from holdfast.local.demo.figures import DemoFigures
from holdfast.local.demo.measured import figures_of
from holdfast.local.demo.recovery import lose_and_recover
from holdfast.local.demo.setting import Folder
from holdfast.local.demo.signals import ending_interrupts, undisturbed
from holdfast.local.demo.source import MEMBERS, Source, SourceCluster
from holdfast.local.demo.view import DemoView
from holdfast.local.machines.kubeadm import KubeadmCluster
from holdfast.local.stack import StackInfo
from holdfast.models.cluster import ClusterSpec
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

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

    Where this user is not root, the command may begin anew in a user namespace (`ground.become_root`). Fails with the
    codes of `setting.prepare`, `stack.up` and the source's, with `demo_busy`, `demo_schedule_silent`,
    `demo_backup_failed`, `demo_api_failed`, `demo_restore_failed`, and `demo_mismatch` when restored data is not what
    it was.
    """
    began = time.monotonic()
    folder = setting.prepare()
    ground.become_root()
    lacking = ground.why_no_nodes()
    with ending_interrupts(), setting.exclusive(folder), _cleaned(folder, view) as stay:
        _begin(view, lacking)
        setting.unpack(folder)
        with SourceCluster(folder.work / "source", folder.raw_snapshot, nodes=not lacking) as starting:
            running = stack.up(folder.home, view.progress)
            source = starting.wait()
            view.note(f"stack at {running.endpoint}, etcd at {', '.join(source.endpoints)}")
            services = _services(running)
            spec = _apply(view, folder, running, source, services, load_spec)
            backed = back_up(view, services, folder, source)
            recovery = None
            if isinstance(source, KubeadmCluster):
                recovery = lose_and_recover(view, services, folder, source, backed)
            else:
                _tell_lacking(view, lacking)
            if keep:
                _pause(services, spec)
                stay.wanted = True
    figures = figures_of(backed, recovery, lacking, time.monotonic() - began)
    return Told(figures, folder, running if keep else None)


def _begin(view: DemoView, lacking: str) -> None:
    what = "real etcd members" if lacking else "control-plane nodes in namespaces, each with a real etcd member"
    view.step(f"Start the stack (no AWS, no Docker) and {MEMBERS} {what}, mutual TLS")
    if lacking:
        view.warn(f"No nodes can be made here, so the restore of a cluster will not be shown: {lacking}")


def _tell_lacking(view: DemoView, lacking: str) -> None:
    view.step("NOT SHOWN: the disaster, and the restore of the cluster through the state machine")
    view.warn(f"They need nodes in Linux namespaces, which cannot be made here: {lacking}")
    view.warn("Everything before this line was shown, on an etcd without nodes. The demo ends with an error.")


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
    view: DemoView, folder: Folder, running: StackInfo, source: Source, services: Services, load_spec: LoadSpec
) -> ClusterSpec:
    given = setting.give_access(folder, running, source)
    view.step(f"{given}; apply cluster.yaml with its schedule")
    file = setting.write_cluster_file(folder, source)
    view.note(file.read_text().rstrip())
    spec = load_spec(file)
    applied = apply_cluster(services, spec)
    view.note(f"cluster {applied.cluster_id} {applied.change}")
    return spec


def _pause(services: Services, spec: ClusterSpec) -> None:
    """The etcd members go when the demo ends, so a schedule that went on would fail every five minutes."""
    if spec.schedule is not None:
        paused = spec.schedule.model_copy(update={"paused": True})
        apply_cluster(services, spec.model_copy(update={"schedule": paused}))
