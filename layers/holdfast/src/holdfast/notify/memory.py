"""A notifier that keeps what it was told."""

from holdfast.doubles import FailsOnDemand
from holdfast.models.run import Outcome


class MemoryNotifier(FailsOnDemand):
    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[Outcome] = []

    def publish(self, outcome: Outcome) -> None:
        self._reach("publish")
        self.outcomes.append(outcome)
