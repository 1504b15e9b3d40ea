"""The demo, step by step. Everything it says is measured in this run; any mismatch is an error."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from holdfast.engine.catalog import list_backups, load_manifest
from holdfast.engine.clusters import apply_cluster
from holdfast.engine.download import download
from holdfast.engine.services import Services
from holdfast.engine.verification import load_report
from holdfast.engine.watching import POLL_S, follow
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


def run_demo(view: DemoView, load_spec: LoadSpec, *, keep: bool = False) -> Told:
    """Main thread only. Whatever happens, nothing is left but logs and caches; with `keep` and success, the stack.

    Fails with the codes of `setting.prepare`, `stack.up`, `LocalEtcd.start` and of the run itself, with
    `demo_schedule_silent`, and with `demo_mismatch` when the restored data is not the source's.
    """
    began = time.monotonic()
    folder = setting.prepare()
    with ending_interrupts(), _cleaned(folder) as keep_stack:
        view.step("Start the stack (LocalStack, no Docker) and three etcd members with TLS")
        setting.unpack(folder)
        with SourceCluster(folder.work / "source", folder.raw_snapshot) as starting:
            running = stack.up(folder.home, view.progress)
            source = starting.wait()
            view.note(f"the stack answers at {running.endpoint}; etcd at {', '.join(source.endpoints)}")
            services = _services(running)
            spec = _apply(view, folder, running, source, services, load_spec)
            outcome = _scheduled_run(view, services)
            manifest, report = _look(view, services, outcome)
            restored = _prove(view, services, folder, source, manifest, report)
            if keep:
                _pause(services, spec)
                keep_stack()
    figures = _figures(outcome, manifest, report, restored, time.monotonic() - began)
    return Told(figures, folder, running if keep else None)


@contextmanager
def _cleaned(folder: Folder) -> Iterator[Callable[[], None]]:
    """What a killed demo left is removed first. The stack is stopped at the end unless what is yielded was called."""
    stack.down(folder.home)
    with ExitStack() as at_end:
        at_end.callback(setting.clean, folder)
        stopping = ExitStack()
        at_end.push(stopping)
        stopping.callback(stack.down, folder.home)
        at_end.enter_context(_cleaning_undisturbed())
        yield stopping.pop_all
