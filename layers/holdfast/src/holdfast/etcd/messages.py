"""From etcd's messages to our models. Servers before 3.4 leave newer fields at zero; these take the older ones."""

import re
from collections.abc import Iterable
from typing import Literal

from holdfast.etcd import rpc_pb2 as rpc
from holdfast.models.etcd import Alarm, Member, MemberStatus

_ALARM_TEXT = re.compile(r"memberID:(\d+)\s+alarm:(NOSPACE|CORRUPT)\b")
_ALARM_KINDS: dict[int, Literal["NOSPACE", "CORRUPT"]] = {rpc.NOSPACE: "NOSPACE", rpc.CORRUPT: "CORRUPT"}


def status_from(endpoint: str, answer: rpc.StatusResponse) -> MemberStatus:
    return MemberStatus(
        endpoint=endpoint,
        member_id=f"{answer.header.member_id:x}",
        version=answer.version,
        db_size=answer.db_size,
        db_size_in_use=answer.db_size_in_use or answer.db_size,
        leader_id=f"{answer.leader:x}",
        is_learner=answer.is_learner,
        raft_term=answer.raft_term,
        raft_index=answer.raft_index,
        raft_applied_index=answer.raft_applied_index or answer.raft_index,
        revision=answer.header.revision,
        errors=tuple(error.strip() for error in answer.errors),
    )


def members_from(answer: rpc.MemberListResponse) -> tuple[Member, ...]:
    members = [
        Member(
            member_id=f"{member.id:x}",
            name=member.name,
            client_urls=tuple(member.client_urls),
            peer_urls=tuple(member.peer_urls),
            is_learner=member.is_learner,
        )
        for member in answer.members
    ]
    return tuple(sorted(members, key=lambda member: (member.name, member.member_id)))


def alarms_from(answer: rpc.AlarmResponse) -> set[Alarm]:
    return {
        Alarm(member_id=f"{row.member_id:x}", kind=_ALARM_KINDS[row.alarm])
        for row in answer.alarms
        if row.alarm in _ALARM_KINDS
    }


def alarms_in_statuses(statuses: Iterable[MemberStatus]) -> set[Alarm]:
    """The alarms in Status's texts ("memberID:1234 alarm:NOSPACE"), which need no quorum; etcd 3.4 and later."""
    found = (match for status in statuses for error in status.errors for match in _ALARM_TEXT.finditer(error))
    return {
        Alarm(member_id=f"{int(match[1]):x}", kind="NOSPACE" if match[2] == "NOSPACE" else "CORRUPT") for match in found
    }
