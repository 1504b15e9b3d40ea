"""A notifier that keeps what it was told, and a postman that keeps what was sent."""

from holdfast.doubles import FailsOnDemand
from holdfast.models.credentials import Webhook
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


class MemoryPostman(FailsOnDemand):
    """`sent` are (URL, body, headers)."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []

    def post(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        self._reach("post")
        self.sent.append((webhook.url.get_secret_value(), body, headers))
