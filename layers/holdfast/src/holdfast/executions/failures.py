"""The errors that every implementation raises, in the same words."""

from holdfast.errors import PermanentError


def run_unknown(name: str) -> PermanentError:
    return PermanentError(
        "run_unknown",
        f"there is no execution {name}",
        hint="Step Functions keeps executions for 90 days; holdfast run list CLUSTER shows older ones",
    )


def question_closed() -> PermanentError:
    return PermanentError(
        "question_closed",
        "nobody waits for this answer any more: it was given already, its time ran out, or the run was stopped",
        hint="holdfast restore status RUN shows where the run is",
    )
