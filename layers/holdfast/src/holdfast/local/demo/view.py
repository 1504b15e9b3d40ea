"""How the demo tells what it does. The command line shows it; a test may keep it."""

from collections.abc import Iterable
from typing import Protocol

from holdfast.engine.restore.following import ChangeSeen
from holdfast.engine.watching import Observation
from holdfast.models.backup import BackupEntry, VerificationReport
from holdfast.models.restore import RestorePlan


class DemoView(Protocol):
    def step(self, title: str) -> None:
        """A new step begins."""

    def progress(self, text: str) -> None:
        """Something moves within the step; only the newest such text matters."""

    def note(self, text: str) -> None:
        """A fact that stays."""

    def warn(self, text: str) -> None:
        """A fact that nobody may overlook."""

    def run(self, observations: Iterable[Observation]) -> Observation:
        """Show a run until it has ended; the last observation."""

    def backups(self, entries: list[BackupEntry], report: VerificationReport) -> None: ...

    def plan(self, plan: RestorePlan) -> None:
        """In short: every step and where it runs, and from where on there is no way back."""

    def change(self, observations: Iterable[ChangeSeen]) -> ChangeSeen:
        """Show a restore until it has ended; the last observation."""
