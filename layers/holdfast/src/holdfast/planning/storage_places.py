"""Where clusters have their objects, and that no two of them meet there. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.models.cluster import ClusterSpec
from holdfast.models.storage import Side, StorageSpec


@dataclass(frozen=True)
class ObjectPlace:
    """One side of one cluster: which bucket of which store, and what every key there begins with."""

    endpoint: str
    bucket: str
    prefix: str

    def meets(self, other: "ObjectPlace") -> bool:
        """Whether one of them lists objects of the other."""
        if (self.endpoint, self.bucket) != (other.endpoint, other.bucket):
            return False
        return self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)


def places_of(spec: ClusterSpec) -> tuple[ObjectPlace, ...]:
    """A spec without storage of its own is in the installation's buckets, which have no name here."""
    storage = spec.storage or StorageSpec()
    sides: tuple[Side, ...] = ("snapshots", "secrets")
    prefix = f"{storage.folder}/{spec.id}/" if storage.folder else f"{spec.id}/"
    return tuple(ObjectPlace(storage.endpoint or "", storage.bucket_of(side) or side, prefix) for side in sides)


def met_by(spec: ClusterSpec, others: Iterable[ClusterSpec]) -> ClusterSpec | None:
    """Another cluster whose objects `spec` would list, keep or remove as its own, or that would do so with its."""
    places = places_of(spec)
    for other in others:
        if other.id != spec.id and any(mine.meets(theirs) for mine in places for theirs in places_of(other)):
            return other
    return None
