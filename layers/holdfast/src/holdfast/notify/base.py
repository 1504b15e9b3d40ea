"""The contract of a notifier."""

from typing import Protocol

from holdfast.models.freshness import FreshnessChange
from holdfast.models.run import Outcome


class Notifier(Protocol):
    def publish(self, outcome: Outcome) -> None:
        """One event and one message; when one cannot be sent the other still is. TransientError `notify_unavailable`:
        the state is tried again, so a receiver may see an outcome twice (its run_id and status are the same).
        PermanentError `notify_access_denied`, `notify_refused`."""

    def publish_freshness(self, change: FreshnessChange) -> None:
        """One event for each cluster that differs, and one message for all of them; errors as above."""
