"""`holdfast demo`: shows the story of holdfast.local.demo, and its figures."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.context import session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import console, facts, human_bytes, human_seconds, result, say

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.status import Status

    from holdfast.engine.watching import Observation
    from holdfast.local.demo.figures import DemoFigures
    from holdfast.local.demo.story import Told
    from holdfast.models.backup import BackupEntry, VerificationReport

EPILOG = NOTE
INDENT = 3


def demo(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running and say how to use it.")] = False,
) -> None:
    """The main job on this machine, start to end: a schedule fires, a real etcd is backed up, verified and restored.

    Needs no AWS account and no Docker. Stops and removes all that it started, after Ctrl-C too.
    """
    from holdfast.cli.spec_file import load_cluster_spec
    from holdfast.local.demo.story import run_demo

    session = session_of(context)
    with ConsoleView(console(stderr=session.as_json)) as view:
        told = run_demo(view, load_cluster_spec, keep=keep)
    kept = {"environment": told.kept.environment, "home": str(told.folder.home.path)} if told.kept else None
    result({"demo": told.figures, "kept": kept}, lambda: _ending(told), as_json=session.as_json)


class ConsoleView:
    """The DemoView on a console: a spinner where something moves on a terminal, plain lines elsewhere."""

    def __init__(self, screen: "Console") -> None:
        self._screen = screen
        self._steps = 0
        self._status: Status | None = None
        self._said = ""

    def __enter__(self) -> "ConsoleView":
        return self

    def __exit__(self, *_: object) -> None:
        self._still()

    def step(self, title: str) -> None:
        self._still()
        self._steps += 1
        self._screen.print(f"\n{self._steps}. {title}", style="bold", soft_wrap=True)

    def progress(self, text: str) -> None:
        if not self._screen.is_terminal:
            # One line for "creating resources: 12 done" and all that differ from it in the count.
            if text.partition(":")[0] != self._said:
                self.note(text)
            self._said = text.partition(":")[0]
            return
        if self._status is None:
            self._status = self._screen.status("")
            self._status.start()
        self._status.update(f"  {text}")

    def note(self, text: str) -> None:
        self._still()
        for line in text.splitlines():
            self._screen.print(f"{' ' * INDENT}{line}", style="dim", soft_wrap=True)

    def run(self, observations: "Iterable[Observation]") -> "Observation":
        from holdfast.cli.live import show_run

        self._still()
        return show_run(self._screen, observations, indent=INDENT)

    def backups(self, entries: "list[BackupEntry]", report: "VerificationReport") -> None:
        from holdfast.cli.backup import backup_table

        self._still()
        found = report.database
        say(self._screen, backup_table(entries), indent=INDENT)
        self.note(
            f"read back and checked in {human_seconds(report.seconds)}: revision {found.head.revision}, "
            f"{found.live_keys} live keys, {found.records} records, {len(found.resources)} Kubernetes resources"
        )

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _ending(told: "Told") -> "Iterable[RenderableType]":
    yield ""
    yield facts(_lines(told.figures))
    yield ""
    yield "What to try next:"
    if shutil.which("holdfast") is None:
        yield f"  . {Path(sys.prefix) / 'bin' / 'activate'}"
    if told.kept:
        yield f"  {told.kept.export_line}"
        for command in ("backup list demo", "backup show demo latest", "backup verify demo latest", "run list demo"):
            yield f"  holdfast {command}"
        yield f"  HOLDFAST_LOCAL_HOME={told.folder.home.path} holdfast local down"
        return
    yield "  holdfast snapshot inspect tests/data/kubeadm-a.db.zst   what is in a snapshot"
    yield "  holdfast demo --keep                                    the same, and the stack stays to look around"
    yield "  holdfast local up                                       a stack of your own"


def _lines(found: "DemoFigures") -> "Iterable[tuple[str, str]]":
    same = found.comparison
    yield "backup", found.backup_id
    yield "size", f"{human_bytes(found.raw_size)}, compressed {human_bytes(found.size)}"
    yield "snapshot", f"{human_seconds(found.snapshot_seconds)} ({found.mb_per_second:.0f} MB/s)"
    yield (
        "whole run",
        f"{human_seconds(found.run_seconds)}, of which verification {human_seconds(found.verify_seconds)}",
    )
    yield "keys", f"{same.keys_source} in the source, {same.keys_restored} restored, {same.keys_verified} verified"
    yield (
        "HashKV",
        f"{same.hash_source.hash} source, {same.hash_restored.hash} restored, {same.hash_file.hash} from the file",
    )
    yield "member", f"{found.member} (etcd {found.etcd_version}): {found.member_reason}"
    yield "restore", f"{human_seconds(found.restore_seconds)} to a healthy member"
    yield "demo", f"{human_seconds(found.total_seconds)} in all"
