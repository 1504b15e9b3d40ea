"""The error tree. The family decides what a caller does, the code tells an operator which case it is.

    HoldfastError
    ├── TransientError        worth another try: a timeout, throttling, a reset connection
    └── PermanentError        another try gives the same answer; what nobody classified is permanent
        ├── InvalidInputError   the caller's words are off (a YAML file, an event, an argument)
        ├── DamagedError        bytes that were read are not what was written
        └── RefusedError        a guardrail said no before anything was touched

Codes are stable and listed in docs/reference/errors.md (a test compares the two). A message never holds a secret.
"""

from collections.abc import Sequence
from typing import ClassVar


class HoldfastError(Exception):
    """`code` is stable (lower_snake), `message` says what happened, `hint` what to do about it."""

    family: ClassVar[str] = "permanent"

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint


class TransientError(HoldfastError):
    family = "transient"


class PermanentError(HoldfastError):
    family = "permanent"


class InvalidInputError(PermanentError):
    family = "invalid"


class DamagedError(PermanentError):
    family = "damaged"


class RefusedError(PermanentError):
    family = "refused"


def error_of_all(
    code: str, told: Sequence[tuple[str, str]], errors: Sequence[HoldfastError], *, hint: str
) -> HoldfastError:
    """One error for several, when nobody answered: `told` are the codes and messages of all, `errors` those at hand.

    The common code where all are alike, else `code`, which is worth another try as soon as one of `errors` is.
    """
    if len({each for each, _ in told}) == 1 and errors:
        first = errors[0]
        return type(first)(first.code, "; ".join(message for _, message in told), hint=first.hint)
    family = TransientError if any(isinstance(error, TransientError) for error in errors) else PermanentError
    return family(code, "; ".join(f"{each}: {message}" for each, message in told), hint=hint)
