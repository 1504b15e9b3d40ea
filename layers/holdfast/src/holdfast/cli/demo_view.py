"""The story of holdfast.local.demo on a console: a spinner where something moves on a terminal, else plain lines."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from holdfast.cli.render import facts, human_seconds, say, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text

    from holdfast.engine.restore.following import ChangeSeen
    from holdfast.engine.watching import Observation
    from holdfast.models.backup import BackupEntry, VerificationReport
    from holdfast.models.restore import RestorePlan

INDENT = 3


class ConsoleView:
    """The DemoView."""

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

    def warn(self, text: str) -> None:
        self._still()
        self._screen.print(f"{' ' * INDENT}{text}", style="bold red", soft_wrap=True)

    def run(self, observations: "Iterable[Observation]") -> "Observation":
        from holdfast.cli.live import show_run

        self._still()
        return show_run(self._screen, observations, indent=INDENT)

    def backups(self, entries: "list[BackupEntry]", report: "VerificationReport") -> None:
        from holdfast.cli.backup_catalog import backup_table

        self._still()
        found = report.database
        say(self._screen, backup_table(entries), indent=INDENT)
        self.note(
            f"read back and checked in {human_seconds(report.seconds)}: revision {found.head.revision}, "
            f"{found.live_keys} live keys, {found.records} records, {len(found.resources)} Kubernetes resources"
        )

    def plan(self, plan: "RestorePlan") -> None:
        self._still()
        for part in (facts(_head(plan)), "", table(("", "PHASE", "STEP", "NODES", "WHAT"), _steps(plan))):
            say(self._screen, part, indent=INDENT)

    def change(self, observations: "Iterable[ChangeSeen]") -> "ChangeSeen":
        from holdfast.cli.change_live import show_change

        self._still()
        return show_change(self._screen, observations, indent=INDENT)

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _head(plan: "RestorePlan") -> Iterator[tuple[str, str]]:
    yield "plan", f"{plan.job} {plan.cluster_id} from {plan.backup_id}, mode {plan.mode}, over {plan.transport}"
    yield "backup", f"revision {plan.revision}, HashKV {plan.hash_kv}, {sum(plan.counts.values())} keys"
    yield "digest", f"{plan.digest}: what an approval is bound to"
    for finding in plan.findings:
        yield finding.level, f"{finding.code}: {finding.text}"


def _steps(plan: "RestorePlan") -> "Iterator[tuple[str | Text, ...]]":
    """One row each, in their order; the first one after which there is no way back has a line before it."""
    from rich.text import Text

    passed = False
    for number, step in enumerate(plan.steps, start=1):
        if step.no_return and not passed:
            passed = True
            yield (
                "",
                "",
                "",
                "",
                Text("── point of no return: from here on the old data are aside ──", style="bold red"),
            )
        nodes = ", ".join(command.node for command in step.commands) or "-"
        yield f"{number}", step.phase, step.name, nodes, step.title
