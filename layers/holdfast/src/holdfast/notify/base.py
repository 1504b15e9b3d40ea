"""The contract of a notifier."""

from typing import Protocol

from holdfast.models.credentials import Webhook
from holdfast.models.freshness import FreshnessChange
from holdfast.models.run import Outcome


class Notifier(Protocol):
    def publish(self, outcome: Outcome) -> None:
        """One event and one message; when one cannot be sent the other still is. TransientError `notify_unavailable`:
        the state is tried again, so a receiver may see an outcome twice (its run_id and status are the same).
        PermanentError `notify_access_denied`, `notify_refused`."""

    def publish_freshness(self, change: FreshnessChange) -> None:
        """One event for each cluster that differs, and one message for all of them; errors as above."""


class Postman(Protocol):
    def post(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        """One POST; any 2xx is success. TransientError `webhook_unavailable` (no answer in time, 429, 5xx);
        PermanentError `webhook_refused` (any other answer, a redirect among them: none is followed), `webhook_tls`.
        No message has anything of the URL but its host."""
