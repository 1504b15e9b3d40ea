"""The contract for asking who we are; tests/contract holds every implementation to the docstring."""

from typing import Protocol


class Identity(Protocol):
    def caller(self) -> str:
        """The name of whoever holds the credentials in use, as the account knows it: an ARN of IAM or STS.
        TransientError `identity_unavailable`, PermanentError `identity_access_denied`, `identity_refused`."""
