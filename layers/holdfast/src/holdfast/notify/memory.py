"""A notifier that keeps what it was told."""

from holdfast.doubles import FailsOnDemand
from holdfast.models.freshness import FreshnessChange
from holdfast.models.run import Outcome


class MemoryNotifier(FailsOnDemand):
    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[Outcome] = []
        self.freshness: list[FreshnessChange] = []

    def publish(self, outcome: Outcome) -> None:
        self._reach("publish")
        self.outcomes.append(outcome)

    def publish_freshness(self, change: FreshnessChange) -> None:
        self._reach("publish_freshness")
        self.freshness.append(change)
