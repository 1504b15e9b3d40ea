"""What etcdctl 3.4, 3.5 and 3.6 print. Ids there are decimal and larger than 2^53; fields that are zero are missing."""

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

from holdfast.facts.unreadable import checked, unreadable
from holdfast.facts.yaml_text import items, mapping, text_of
from holdfast.models.etcd import Alarm, Member, MemberStatus

LARGEST_CHARACTERS = 1 << 20
_LARGEST_ID = (1 << 64) - 1
_ALARM_LINE = re.compile(r"memberID:(\d{1,20})\s+alarm:(NOSPACE|CORRUPT)\b", re.ASCII)
_ALARM_KINDS: dict[Any, Literal["NOSPACE", "CORRUPT"]] = {
    1: "NOSPACE",
    2: "CORRUPT",
    "NOSPACE": "NOSPACE",
    "CORRUPT": "CORRUPT",
}
_VERSION = re.compile(r"etcdctl version:?\s+v?(\d[0-9A-Za-z.+-]{0,40})", re.ASCII)


def read_status(what: str, text: str, endpoint: str) -> tuple[str, MemberStatus]:
    """The cluster's id and the one row of `endpoint status -w json`; PermanentError `node_output_unreadable`.

    `endpoint` is what the row is about, whatever URL was asked.
    """
    rows = items(_json(what, text))
    if len(rows) != 1:
        raise unreadable(what, f"it has {len(rows)} rows, and one endpoint was asked")
    status = mapping(mapping(rows[0]).get("Status"))
    header = mapping(status.get("header"))
    size, applied = _number(what, status, "dbSize"), _number(what, status, "raftAppliedIndex")
    index = _number(what, status, "raftIndex")
    cluster, member = _number(what, header, "cluster_id"), _number(what, header, "member_id")
    if not cluster or not member:
        raise unreadable(what, "its header names no cluster or no member")
    return f"{cluster:x}", checked(
        what,
        MemberStatus,
        endpoint=endpoint,
        member_id=f"{member:x}",
        version=text_of(status.get("version")),
        db_size=size,
        db_size_in_use=_number(what, status, "dbSizeInUse") or size,
        leader_id=f"{_number(what, status, 'leader'):x}",
        is_learner=status.get("isLearner") is True,
        raft_term=_number(what, status, "raftTerm"),
        raft_index=index,
        raft_applied_index=applied or index,
        revision=_number(what, header, "revision"),
        errors=tuple(text_of(each).strip() for each in items(status.get("errors"))),
    )


def read_members(what: str, text: str) -> tuple[Member, ...]:
    """`member list -w json`, by name; PermanentError `node_output_unreadable`, also for a list without members."""
    rows = items(mapping(_json(what, text)).get("members"))
    if not rows:
        raise unreadable(what, "it names no member")
    members = [_member(what, mapping(row)) for row in rows]
    return tuple(sorted(members, key=lambda member: (member.name, member.member_id)))


def _member(what: str, row: dict[str, Any]) -> Member:
    return checked(
        what,
        Member,
        member_id=f"{_number(what, row, 'ID'):x}",
        name=text_of(row.get("name")),
        client_urls=tuple(text_of(url) for url in items(row.get("clientURLs"))),
        peer_urls=tuple(text_of(url) for url in items(row.get("peerURLs"))),
        is_learner=row.get("isLearner") is True,
    )


def read_alarms(what: str, text: str) -> tuple[Alarm, ...]:
    """`alarm list`, with and without `-w json`; PermanentError `node_output_unreadable`.

    Kinds that we do not know are left out, as etcd may learn new ones.
    """
    if not text.strip().startswith("{"):
        lines = [line for line in text.splitlines() if line.strip()]
        if any(not line.startswith("memberID:") for line in lines):
            raise unreadable(what, "there is a line that is no alarm")
        return alarms_in(lines)
    rows = [mapping(row) for row in items(mapping(_json(what, text)).get("alarms"))]
    found = {
        Alarm(member_id=f"{_number(what, row, 'memberID'):x}", kind=_ALARM_KINDS[kind])
        for row in rows
        if isinstance(kind := row.get("alarm"), int | str) and kind in _ALARM_KINDS
    }
    return _sorted(found)


def alarms_in(lines: Iterable[str]) -> tuple[Alarm, ...]:
    """Alarms as text: lines of `alarm list`, and the errors of a status, which need no quorum (etcd 3.4 and later)."""
    matches = [match for line in lines for match in _ALARM_LINE.finditer(line)]
    return _sorted({Alarm(member_id=f"{int(match[1]):x}", kind=_ALARM_KINDS[match[2]]) for match in matches})


def read_version(text: str) -> str:
    """ "3.4.23" of `etcdctl version`, "" where it tells none."""
    found = _VERSION.search(text[:4096])
    return found[1] if found else ""


def last_words(text: str) -> str:
    """What a failed etcdctl says in the end: its last line, at most 400 characters."""
    lines = [line.strip() for line in text[-4096:].splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""


def _sorted(alarms: set[Alarm]) -> tuple[Alarm, ...]:
    return tuple(sorted(alarms, key=lambda alarm: (alarm.member_id, alarm.kind)))


def _json(what: str, text: str) -> Any:
    if len(text) > LARGEST_CHARACTERS:
        raise unreadable(what, f"it has more than {LARGEST_CHARACTERS} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise unreadable(what, "it is no JSON") from None


def _number(what: str, row: dict[str, Any], name: str) -> int:
    """As a number, or as text, which is how protobuf's own JSON has what may be larger than 2^53; missing is 0."""
    value = row.get(name, 0)
    if isinstance(value, str) and re.fullmatch(r"\d{1,20}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_ID:
        raise unreadable(what, f"{name} is no number of 64 bits")
    return value
