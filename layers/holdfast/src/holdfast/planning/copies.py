"""What the objects of a copy say, held against the manifest: a decision with its reason. Pure."""

from dataclasses import dataclass

from holdfast.models.copies import CopyState

# S3's words for an object that is on its way (API reference, HeadObject, "ReplicationStatus").
_PENDING = "PENDING"


@dataclass(frozen=True)
class Wanted:
    """One object that the copy has to have. `replication` is what the store tells of the source object's copy."""

    name: str
    size: int
    checksum: str
    replication: str


@dataclass(frozen=True)
class Found:
    """The same object in the copy's bucket."""

    size: int
    checksum: str


def judge(pairs: tuple[tuple[Wanted, Found | None], ...]) -> CopyState:
    """The worst that is true of any object: differs, missing, pending, there."""
    for wanted, found in pairs:
        if found is not None and (why := _difference(wanted, found)):
            return CopyState(kind="differs", reason=f"the copy of {wanted.name} {why}")
    absent = [wanted for wanted, found in pairs if found is None]
    for wanted in absent:
        if wanted.replication != _PENDING:
            return CopyState(kind="missing", reason=f"there is no copy of {wanted.name}, {_why(wanted.replication)}")
    if absent:
        return CopyState(kind="pending", reason=f"{_names(absent)} not copied yet")
    compared = all(found is not None and _comparable(wanted.checksum, found.checksum) for wanted, found in pairs)
    said = "size and checksum are" if compared else "the size is"
    return CopyState(kind="there", reason=f"{said} as in the manifest", compared=compared)


def _difference(wanted: Wanted, found: Found) -> str:
    if found.size != wanted.size:
        return f"has {found.size} bytes, and {wanted.size} were sealed"
    if _comparable(wanted.checksum, found.checksum) and found.checksum != wanted.checksum:
        return f"has the checksum {found.checksum}, and {wanted.checksum} was sealed"
    return ""


def _comparable(wanted: str, found: str) -> bool:
    """Of one algorithm. An ETag under KMS is no hash of the bytes and another one in each bucket."""
    algorithm = wanted.partition(":")[0]
    return bool(wanted) and algorithm != "etag" and algorithm == found.partition(":")[0]


def _why(replication: str) -> str:
    if replication == "FAILED":
        return "S3 could not copy it (ReplicationStatus FAILED): look at the role, the bucket's policy and both keys"
    if replication == "":
        return "and S3 was never asked to: it is older than the replication, or came before its rule"
    return f"although S3 says {replication}: somebody removed it there"


def _names(wanted: list[Wanted]) -> str:
    return f"{', '.join(each.name for each in wanted)} {'is' if len(wanted) == 1 else 'are'}"
