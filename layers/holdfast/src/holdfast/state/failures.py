"""The errors that every implementation of the state contracts raises, in the same words."""

from datetime import datetime

from holdfast.errors import PermanentError, RefusedError


def cluster_unknown(cluster_id: str) -> PermanentError:
    return PermanentError(
        "cluster_unknown",
        f"there is no cluster {cluster_id}",
        hint="holdfast cluster list shows them; holdfast cluster apply -f FILE adds one",
    )


def cluster_exists(cluster_id: str) -> RefusedError:
    return RefusedError(
        "cluster_exists",
        f"a cluster {cluster_id} is registered already",
        hint="choose another id, or replace the spec of that cluster on purpose",
    )


class LeaseHeldError(RefusedError):
    """`lease_held`; `owner` is the run that is at work."""

    def __init__(self, code: str, message: str, *, hint: str = "", owner: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.owner = owner


def lease_held(cluster_id: str, owner: str, expires_at: datetime) -> LeaseHeldError:
    return LeaseHeldError(
        "lease_held",
        f"another run is at work on {cluster_id}: {owner} holds the lease until {expires_at:%Y-%m-%dT%H:%M:%SZ}",
        hint="wait until that run ends; if it died, its lease is free after the time above",
        owner=owner,
    )


def lease_lost(cluster_id: str, owner: str) -> RefusedError:
    return RefusedError(
        "lease_lost",
        f"run {owner} does not hold the lease of {cluster_id} any more: it was ended, or another run took over",
        hint="a backup: start a new one, what was ended is cleaned up; a restore: holdfast restore status RUN",
    )


def run_unknown(cluster_id: str, run_id: str) -> PermanentError:
    return PermanentError(
        "run_unknown", f"there is no run {run_id} of {cluster_id}", hint="holdfast run list CLUSTER shows them"
    )
