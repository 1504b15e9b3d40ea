"""Facts about an etcd cluster, healthy unless told otherwise. Member N is etcd-N with the id "aN"."""

from holdfast.models.etcd import Alarm, EndpointFailure, EtcdFacts, Member, MemberStatus


def endpoint(number: int) -> str:
    return f"https://10.0.0.{number}:2379"


def member(number: int, *, name: str | None = None, is_learner: bool = False) -> Member:
    return Member(
        member_id=f"a{number}",
        name=f"etcd-{number}" if name is None else name,
        client_urls=(endpoint(number),),
        peer_urls=(f"https://10.0.0.{number}:2380",),
        is_learner=is_learner,
    )


def status(
    number: int,
    *,
    leader: int = 1,
    applied: int = 5_000,
    version: str = "3.5.9",
    is_learner: bool = False,
    db_size: int = 100 * 1024**2,
    in_use: int | None = None,
) -> MemberStatus:
    """`leader` is the number of the member that this one takes for the leader, 0 for none."""
    return MemberStatus(
        endpoint=endpoint(number),
        member_id=f"a{number}",
        version=version,
        db_size=db_size,
        db_size_in_use=db_size if in_use is None else in_use,
        leader_id=f"a{leader}" if leader else "0",
        is_learner=is_learner,
        raft_term=3,
        raft_index=applied,
        raft_applied_index=applied,
        revision=900,
        errors=() if leader else ("etcdserver: no leader",),
    )


def failure(number: int, code: str = "etcd_unreachable") -> EndpointFailure:
    return EndpointFailure(endpoint=endpoint(number), code=code, message=f"{endpoint(number)}: Connection refused")


def etcd_facts(
    *statuses: MemberStatus,
    failures: tuple[EndpointFailure, ...] = (),
    members: tuple[Member, ...] | None = None,
    alarms: tuple[Alarm, ...] = (),
) -> EtcdFacts:
    """Without statuses: three members, etcd-1 leads."""
    answers = statuses or ((status(1), status(2), status(3)) if not failures else ())
    return EtcdFacts(
        cluster_id="c1",
        statuses=answers,
        failures=failures,
        members=(member(1), member(2), member(3)) if members is None else members,
        alarms=alarms,
    )
