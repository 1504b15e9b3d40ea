"""The members of an etcd cluster as an operator asks for them: who is healthy, how many more may fail, what to do."""

from typing import Literal

from holdfast.models.base import ClusterId, Model
from holdfast.models.plan import Finding

# "no leader": it answers, and knows of none. "not started": it is on the list and never came up.
Health = Literal["healthy", "no leader", "corrupt", "no answer", "not started"]


class MemberRow(Model):
    """`node` is "" where nobody can tell where it runs. Sizes are bytes; they and `revision` are None without an
    answer. `problem` is why it does not answer, as far as somebody said."""

    name: str
    member_id: str
    node: str = ""
    health: Health
    is_learner: bool = False
    is_leader: bool = False
    version: str = ""
    db_size: int | None = None
    db_size_in_use: int | None = None
    revision: int | None = None
    problem: str = ""


class Replacement(Model):
    """Whether a node's member can be replaced now. `refusals` is empty when it can. `member` is "" when the list has
    none for the node. `cause` is what ails it, in a word, and `reason` in a sentence, where its driver can tell: "" and
    "" elsewhere."""

    node: str
    member: str
    refusals: tuple[Finding, ...]
    cause: str = ""
    reason: str = ""
    command: str


class MemberReport(Model):
    """`needed` voters are the quorum. `may_fail`: how many healthy voters may fail before it is lost; negative when it
    is, then so many have to come back."""

    cluster_id: ClusterId
    members: tuple[MemberRow, ...]
    voters: int
    healthy: int
    needed: int
    may_fail: int
    replacements: tuple[Replacement, ...]
    notes: tuple[str, ...] = ()
