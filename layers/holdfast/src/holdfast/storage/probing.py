"""The contract of a look at a store before a backup relies on it.

It writes probe objects below `<cluster>/check/` and removes them again, whatever happens in between. It raises nothing
of the store's: what went wrong is among the facts. What the caller may not ask is said and left out.
"""

from typing import Protocol

from holdfast.models.storage import Side, StorageSpec
from holdfast.models.store import StoreFacts


class StoreProbe(Protocol):
    def look(self, cluster_id: str, spec: StorageSpec, side: Side, check_id: str) -> StoreFacts:
        """`check_id` keeps two checks at one time apart."""


class MemoryProbe:
    """The double: facts as a test wants them, those of a store without fault unless told otherwise."""

    def __init__(self) -> None:
        self.facts: dict[Side, StoreFacts] = {side: faultless(side) for side in ("snapshots", "secrets")}
        self.asked: list[tuple[str, StorageSpec, Side]] = []

    def look(self, cluster_id: str, spec: StorageSpec, side: Side, check_id: str) -> StoreFacts:  # noqa: ARG002
        self.asked.append((cluster_id, spec, side))
        return self.facts[side]


def faultless(side: Side) -> StoreFacts:
    return StoreFacts(
        side=side,
        bucket=side,
        region="eu-central-1",
        bucket_region="eu-central-1",
        clock_off_s=0.0,
        tried=True,
        checksums="on",
        conditions="honoured",
        versioning="on",
        object_lock="on",
        encryption="aws:kms",
        key_state="Enabled",
        public_blocked="on",
    )
