"""The errors that every implementation raises, in the same words."""

from holdfast.errors import PermanentError


def run_unknown(name: str) -> PermanentError:
    return PermanentError(
        "run_unknown",
        f"there is no execution {name}",
        hint="Step Functions keeps executions for 90 days; holdfast run list CLUSTER shows older ones",
    )
