"""What oc says when something failed, on stderr; its exit code is then 1."""


class OcError(Exception):
    """The message is the whole line."""


class RefusedError(OcError):
    """By the API server. `reason` is its Status's ("NotFound"), "" for an answer that is no Status."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status, self.reason, self.message = status, reason, message
        super().__init__(f"Error from server{f' ({reason})' if reason else ''}: {message}")


class AwayError(OcError):
    """Nobody answered, or not in time."""
