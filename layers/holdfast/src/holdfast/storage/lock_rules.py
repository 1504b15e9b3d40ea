"""What every implementation of Object Lock decides alike: whether a retention is to be set, and who may remove."""

from datetime import datetime

from holdfast.errors import PermanentError, RefusedError
from holdfast.models.cluster import LockMode
from holdfast.storage.base import LockState

_RANKS: dict[LockMode | None, int] = {None: 0, "governance": 1, "compliance": 2}


def whole_second(until: datetime) -> datetime:
    """Stores keep no fraction of a second: with one, a lock that is there would look shorter than itself."""
    return until.replace(microsecond=0)


def lacks(there: LockState, mode: LockMode, until: datetime, where: str) -> bool:
    """False when the object has exactly this retention. RefusedError `lock_would_be_shorter` for an earlier end or a
    weaker mode than it has, even one that is over."""
    if there.until is None or there.mode is None:
        return True
    end = whole_second(there.until)
    if until < end or _RANKS[mode] < _RANKS[there.mode]:
        raise RefusedError(
            "lock_would_be_shorter",
            f"{where} is locked in {there.mode} mode until {end:%Y-%m-%dT%H:%M:%SZ}; not until"
            f" {until:%Y-%m-%dT%H:%M:%SZ} in {mode} mode",
            hint="A lock is only ever made longer, or stricter.",
        )
    return until > end or mode != there.mode


def keeps(there: LockState, now: datetime) -> bool:
    """Whether this state stands against a removal at that moment."""
    return there.held or (there.until is not None and there.until > now)


def unsupported(where: str, said: str = "") -> PermanentError:
    return PermanentError(
        "object_lock_unsupported",
        f"{where}: the bucket has no Object Lock{': ' if said else ''}{said}",
        hint="Object Lock is switched on when a bucket is made; backups in this one are kept by rights alone.",
    )


def locked(where: str, said: str) -> RefusedError:
    return RefusedError(
        "object_locked",
        f"{where} is not removed: {said}",
        hint="Wait for the end of its lock, or release its hold: holdfast backup unhold CLUSTER BACKUP",
    )
