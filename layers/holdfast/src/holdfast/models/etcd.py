"""What was observed of an etcd cluster. Ids are lower-case hexadecimal, as etcdctl prints them; sizes are bytes."""

from datetime import timedelta
from typing import Literal, Self

from holdfast.errors import HoldfastError
from holdfast.models.base import Model


class Member(Model):
    """A row of the member list. `name` is empty for a member that was added and has not started yet."""

    member_id: str
    name: str
    client_urls: tuple[str, ...] = ()
    peer_urls: tuple[str, ...] = ()
    is_learner: bool = False


class MemberStatus(Model):
    """Maintenance.Status of one endpoint. `leader_id` is "0" when the member knows of no leader."""

    endpoint: str
    member_id: str
    version: str
    db_size: int
    db_size_in_use: int
    leader_id: str
    is_learner: bool
    raft_term: int
    raft_index: int
    raft_applied_index: int
    revision: int
    errors: tuple[str, ...] = ()

    @property
    def is_leader(self) -> bool:
        return self.member_id == self.leader_id


class EndpointFailure(Model):
    """An endpoint that gave no status, with the code and the message of the error it gave instead."""

    endpoint: str
    code: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, endpoint: str, error: HoldfastError) -> Self:
        return cls(endpoint=endpoint, code=error.code, message=error.message, hint=error.hint)


class Alarm(Model):
    member_id: str
    kind: Literal["NOSPACE", "CORRUPT"]


class EtcdFacts(Model):
    """Everything that the preflight looks at. `members` is what one member's own copy of the list says;
    `client_certificate_left` is how long our own certificate was still valid when the members were asked."""

    cluster_id: str
    statuses: tuple[MemberStatus, ...]
    failures: tuple[EndpointFailure, ...] = ()
    members: tuple[Member, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    client_certificate_left: timedelta | None = None


class HashKV(Model):
    """etcd's CRC-32C over the key space up to `revision`; comparable only at equal `compact_revision`."""

    hash: int
    revision: int
    compact_revision: int
