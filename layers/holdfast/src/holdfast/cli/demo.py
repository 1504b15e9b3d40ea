"""`holdfast demo`: shows the story of holdfast.local.demo, and its figures."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.context import session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import console, facts, human_bytes, human_seconds, result
from holdfast.errors import PermanentError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.local.demo.figures import DemoFigures, Recovery
    from holdfast.local.demo.story import Told

EPILOG = NOTE


def demo(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running and say how to use it.")] = False,
) -> None:
    """The main job on this machine, start to end: a schedule fires, a control plane is backed up and the backup
    verified; then the cluster is destroyed, and restored by its plan.

    Needs no AWS account, no Docker and no root. Stops and removes all that it started, after Ctrl-C too. Where no
    nodes can be made (Linux namespaces) only the backup is shown, and the exit code is 1.
    """
    from holdfast.cli.demo_view import ConsoleView
    from holdfast.cli.spec_file import load_cluster_spec
    from holdfast.local.demo.story import run_demo

    session = session_of(context)
    with ConsoleView(console(stderr=session.as_json)) as view:
        told = run_demo(view, load_cluster_spec, keep=keep)
    kept = {"environment": told.kept.environment, "home": str(told.folder.home.path)} if told.kept else None
    result({"demo": told.figures, "kept": kept}, lambda: _ending(told), as_json=session.as_json)
    if told.figures.not_shown:
        raise PermanentError(
            "demo_incomplete",
            f"the restore of a cluster was not shown: {told.figures.not_shown}",
            hint="Run the demo as root, or where a user may make namespaces; all else above was shown and is so.",
        )


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
        if told.figures.restore:
            yield f"  holdfast restore status {told.figures.restore.run_id}"
        yield f"  HOLDFAST_LOCAL_HOME={told.folder.home.path} holdfast local down"
        return
    yield "  holdfast snapshot inspect tests/data/kubeadm-a.db.zst   what is in a snapshot"
    yield "  holdfast demo --keep                                    the same, and the stack stays to look around"
    yield "  holdfast local up                                       a stack of your own"


def _lines(found: "DemoFigures") -> "Iterable[tuple[str, str]]":
    same = found.comparison
    yield "backup", found.backup_id
    yield "size", f"{human_bytes(found.raw_size)}, compressed {human_bytes(found.size)}"
    speed = f"{human_seconds(found.snapshot_seconds)} ({found.mb_per_second:.0f} MB/s)"
    yield "snapshot", speed if found.mb_per_second else "less than a second, by the node's clock"
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
    yield "throw-away", f"{human_seconds(found.restore_seconds)} to a healthy member restored from the download"
    yield from _recovery(found.restore) if found.restore else [("restore", "NOT SHOWN")]
    yield "demo", f"{human_seconds(found.total_seconds)} in all"


def _recovery(found: "Recovery") -> "Iterable[tuple[str, str]]":
    phases = ", ".join(f"{each.phase} {human_seconds(each.seconds)}" for each in found.phases)
    yield "restore", f"{human_seconds(found.seconds)} from the approval to a healthy cluster: {phases}"
    yield "", f"{found.steps} steps, {found.commands} commands on {len(found.hashes)} nodes"
    yield "", f"HashKV {found.hash_backup.hash} and {found.keys_backup} keys in the backup and on every member"
    yield "", f"{found.gone} is gone, {found.back} is back"
