"""What a handful of pages tell: revision, compaction, members, version. Read before a backup is sealed.

Pages touched: the two metas, the root, the path to the last record, and the small buckets `meta`, `members` and
`cluster`. Nothing else, so that the head of a database in a store costs a few ranged reads.
"""

import json
from dataclasses import dataclass

from holdfast.etcd.format.bolt import BoltFile
from holdfast.etcd.format.record import invalid_record, main_revision
from holdfast.etcd.format.source import PageSource
from holdfast.models.database import DatabaseHead

_KEY, _META, _MEMBERS, _CLUSTER = b"key", b"meta", b"members", b"cluster"
_FIRST_REVISION = 1  # an etcd without a single write stands at 1


@dataclass(frozen=True, slots=True)
class Compaction:
    """Main revisions, -1 for never. `scheduled` is ahead of `finished` while a compaction is half done."""

    scheduled: int
    finished: int

    @property
    def latest(self) -> int:
        """What etcd goes by: it answers nothing below from the moment that a compaction is scheduled."""
        return max(self.scheduled, self.finished)


def read_head(source: PageSource) -> DatabaseHead:
    """Raises DamagedError when one of those pages is not what etcd writes."""
    return read_head_and_compaction(source)[0]


def read_head_and_compaction(source: PageSource) -> tuple[DatabaseHead, Compaction]:
    bolt = BoltFile(source)
    marks = dict(bolt.items(_META))
    compaction = Compaction(
        scheduled=_compaction_mark(marks.get(b"scheduledCompactRev")),
        finished=_compaction_mark(marks.get(b"finishedCompactRev")),
    )
    index = marks.get(b"consistent_index", bytes(8))
    if len(index) != 8:
        raise invalid_record(f"consistent_index has {len(index)} bytes, not 8")
    head = DatabaseHead(
        page_size=bolt.meta.page_size,
        high_water_pages=bolt.meta.high_water,
        txid=bolt.meta.txid,
        # A compaction may have removed the last record: etcd then stands at the compaction's revision.
        revision=max(_last_record(bolt), compaction.latest, _FIRST_REVISION),
        compact_revision=compaction.finished,
        consistent_index=int.from_bytes(index, "big"),
        members=_member_names(bolt),
        cluster_version=_cluster_version(bolt),
    )
    return head, compaction


def _compaction_mark(mark: bytes | None) -> int:
    return -1 if mark is None else main_revision(mark)


def _last_record(bolt: BoltFile) -> int:
    for _, elements in bolt.leaves(_KEY):
        if elements:
            return main_revision(elements[-1][0])
    return 0


def _member_names(bolt: BoltFile) -> tuple[str, ...]:
    if _MEMBERS not in bolt.buckets:
        return ()
    names = {_member_name(value) for _, value in bolt.items(_MEMBERS)}
    return tuple(sorted(names - {""}))


def _member_name(value: bytes) -> str:
    """Members are JSON: {"id": …, "peerURLs": […], "name": …}. (Source: etcd `membership/member.go`.)"""
    try:
        member = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise invalid_record("an entry of the members bucket is not JSON") from error
    name = member.get("name", "") if isinstance(member, dict) else None
    if not isinstance(name, str):
        raise invalid_record("an entry of the members bucket describes no member")
    return name


def _cluster_version(bolt: BoltFile) -> str:
    if _CLUSTER not in bolt.buckets:
        return ""
    return dict(bolt.items(_CLUSTER)).get(b"clusterVersion", b"").decode("ascii", errors="backslashreplace")
