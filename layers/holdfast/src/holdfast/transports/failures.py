"""Errors of every transport, in the same words."""

from collections.abc import Iterable

from holdfast.errors import InvalidInputError, PermanentError


def unknown_node(node: str, known: Iterable[str]) -> InvalidInputError:
    return InvalidInputError(
        "node_unknown", f"{node} is no node of this cluster", hint=f"Known are: {', '.join(known)}."
    )


def cannot(kind: str, what: str) -> PermanentError:
    """`what` completes "the transport … cannot …"."""
    return PermanentError(
        "transport_cannot",
        f"the transport {kind} cannot {what}",
        hint="See docs/reference/transports.md for one that can.",
    )
