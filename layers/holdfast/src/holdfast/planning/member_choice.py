"""Which member a snapshot is taken from, and why that one."""

from collections.abc import Mapping

from holdfast.errors import RefusedError
from holdfast.models.etcd import EtcdFacts, MemberStatus
from holdfast.models.plan import MemberChoice

# Raft entries behind the most advanced member. A few are normal between two answers; this many mean trouble.
LAG_LIMIT = 1_000


def choose_member(facts: EtcdFacts, unusable: Mapping[str, str] | None = None) -> MemberChoice:
    """A voting member that answers and has no CORRUPT alarm: a follower that keeps up, before the leader.

    A snapshot is read from the member's own file, so it needs no quorum, and a NOSPACE alarm does not matter. Without
    quorum the most advanced member wins. A learner is never taken: before etcd 3.4.28 the call hangs there. Equal
    members are ordered by name and endpoint. `unusable` maps the ids of members to why their nodes cannot do it.
    RefusedError `no_member_answers`, `only_learners_answer`, `members_corrupt`, `no_usable_node` when nobody qualifies.
    """
    unusable = unusable or {}
    candidates = _usable(_candidates(facts), facts, unusable)
    if quorum_lost(facts):
        chosen = min(candidates, key=lambda status: (_lag(facts, status), *_tie(facts, status)))
        why = "the most advanced voting member that answers; quorum is lost"
    else:
        chosen = min(candidates, key=lambda status: _preference(facts, status))
        why = _why(facts, chosen, alone=len(facts.statuses) + len(facts.failures) == 1)
    passed = [_passed_over(facts, status, unusable) for status in facts.statuses if status is not chosen]
    passed += [f"{failure.endpoint} ({failure.code})" for failure in facts.failures]
    reason = f"{_label(facts, chosen)} is {why}" + (f"; passed over: {', '.join(passed)}" if passed else "")
    return MemberChoice(
        endpoint=chosen.endpoint,
        member_id=chosen.member_id,
        name=_name(facts, chosen),
        version=chosen.version,
        reason=reason,
    )


def quorum_lost(facts: EtcdFacts) -> bool:
    """No member that answers knows a leader. Also true for the second or so that an election takes."""
    return all(status.leader_id == "0" for status in facts.statuses)


def _candidates(facts: EtcdFacts) -> list[MemberStatus]:
    if not facts.statuses:
        raise RefusedError(
            "no_member_answers",
            "no etcd member answers, so there is nothing to take a snapshot from",
            hint=_RESTORE_HINT,
        )
    voting = [status for status in facts.statuses if not status.is_learner]
    if not voting:
        raise RefusedError(
            "only_learners_answer",
            "only learners answer; a snapshot is taken from voting members",
            hint="Add the voting members' endpoints to the cluster file, or see why they do not answer.",
        )
    sound = [status for status in voting if not _is_corrupt(facts, status)]
    if not sound:
        raise RefusedError(
            "members_corrupt",
            "every voting member that answers has a CORRUPT alarm",
            hint="Do not restart them. Compare HashKV per member, and restore from the newest verified backup.",
        )
    return sound


def _usable(candidates: list[MemberStatus], facts: EtcdFacts, unusable: Mapping[str, str]) -> list[MemberStatus]:
    found = [status for status in candidates if status.member_id not in unusable]
    if not found:
        reasons = "; ".join(f"{_label(facts, status)}: {unusable[status.member_id]}" for status in candidates)
        raise RefusedError(
            "no_usable_node",
            f"no node with a sound member can take a snapshot: {reasons}",
            hint="Make room or install what is missing on one of them; holdfast cluster check shows them all.",
        )
    return found


_RESTORE_HINT = "See the endpoints' failures; if every member is lost, restore from the newest verified backup."


def _preference(facts: EtcdFacts, status: MemberStatus) -> tuple[bool, bool, bool, int, str, str]:
    """Smaller is better."""
    lag = _lag(facts, status)
    return (status.leader_id == "0", lag > LAG_LIMIT, status.is_leader, lag, *_tie(facts, status))


def _tie(facts: EtcdFacts, status: MemberStatus) -> tuple[str, str]:
    return _name(facts, status), status.endpoint


def _lag(facts: EtcdFacts, status: MemberStatus) -> int:
    return max(other.raft_applied_index for other in facts.statuses) - status.raft_applied_index


def _is_corrupt(facts: EtcdFacts, status: MemberStatus) -> bool:
    return any(alarm.kind == "CORRUPT" and alarm.member_id == status.member_id for alarm in facts.alarms)


def _name(facts: EtcdFacts, status: MemberStatus) -> str:
    return next((member.name for member in facts.members if member.member_id == status.member_id), "")


def _label(facts: EtcdFacts, status: MemberStatus) -> str:
    return _name(facts, status) or f"member {status.member_id}"


def _why(facts: EtcdFacts, chosen: MemberStatus, *, alone: bool) -> str:
    if alone:
        return "the only member"
    role = "the leader, and no follower keeps up" if chosen.is_leader else "a follower"
    lag = _lag(facts, chosen)
    return f"{role}, {_entries(lag)} behind the most advanced" if lag else f"{role}, up to date"


def _passed_over(facts: EtcdFacts, status: MemberStatus, unusable: Mapping[str, str]) -> str:
    lag = _lag(facts, status)
    marks = [
        (unusable.get(status.member_id, ""), status.member_id in unusable),
        ("learner", status.is_learner),
        ("CORRUPT alarm", _is_corrupt(facts, status)),
        ("cut off from the leader", status.leader_id == "0" and not quorum_lost(facts)),
        ("leader", status.is_leader),
        (f"{_entries(lag)} behind", lag > 0),
    ]
    said = [text for text, holds in marks if holds] or ["equally good"]
    return f"{_label(facts, status)} ({', '.join(said)})"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"
