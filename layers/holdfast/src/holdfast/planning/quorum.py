"""The arithmetic of etcd's quorum: more than half of the voting members, healthy or not."""

from dataclasses import dataclass

from holdfast.models.etcd import EtcdFacts


@dataclass(frozen=True)
class Tally:
    """Voters on the list, and how many of them are healthy. A learner is no voter."""

    voters: int
    healthy: int

    @property
    def needed(self) -> int:
        return quorum_of(self.voters)

    @property
    def has_quorum(self) -> bool:
        return self.voters > 0 and self.healthy >= self.needed

    def __str__(self) -> str:
        return f"{self.healthy} of {self.voters} voters healthy, {self.needed} needed"


def quorum_of(voters: int) -> int:
    return voters // 2 + 1


def healthy_voters(facts: EtcdFacts) -> frozenset[str]:
    """Ids of members that answer, know a leader, and have no CORRUPT alarm. Who does not answer us is not counted,
    though the others may well reach it: a guardrail errs on that side."""
    corrupt = {alarm.member_id for alarm in facts.alarms if alarm.kind == "CORRUPT"}
    return frozenset(
        status.member_id
        for status in facts.statuses
        if not status.is_learner and status.leader_id != "0" and status.member_id not in corrupt
    )


def tally(facts: EtcdFacts, *, without: str = "") -> Tally:
    """`without` is the id of a member that is taken for dead, whatever it answers. Where no list of members could be
    had, those that answer are all that is known."""
    listed = {member.member_id for member in facts.members if not member.is_learner}
    voters = listed or {status.member_id for status in facts.statuses if not status.is_learner}
    return Tally(voters=len(voters), healthy=len((healthy_voters(facts) & voters) - {without}))
