"""What is worth saying about a cluster before its backup. Nearly nothing refuses: a sick cluster needs one most."""

import re
from collections.abc import Iterator
from datetime import timedelta

from holdfast.models.etcd import EtcdFacts, Member, MemberStatus
from holdfast.models.plan import Finding
from holdfast.planning.member_choice import quorum_lost

# etcd's own suggested maximum; above it restores and restarts become slow.
LARGE_DATABASE_BYTES = 8 * 1024**3
# Pages without data are copied too, so a snapshot can be this much larger than it needs to be.
FREE_SHARE = 0.5
# Below this a database is so small that free pages are not worth a word.
SMALL_DATABASE_BYTES = 64 * 1024**2

# Time for two people to be on holiday. kubeadm renews its own client certificates long before; ours nobody renews.
EXPIRES_SOON = timedelta(days=14)


def backup_findings(facts: EtcdFacts, *, through_nodes: bool = False) -> tuple[Finding, ...]:
    """In the order refuse, warn, info; each group in the order of the checks below.

    `through_nodes`: members are reached by their nodes, so no endpoint is configured for any of them.
    """
    checks = (
        _quorum,
        _cut_off,
        _failures,
        _nospace,
        _corrupt,
        _client_certificate,
        _flawed_versions,
        _large_database,
        _mixed_versions,
        _learners,
        _free_pages,
        _unasked_members,
        _unstarted_members,
    )
    found = [
        finding for check in checks for finding in check(facts) if not (through_nodes and check is _unasked_members)
    ]
    order = ("refuse", "warn", "info")
    return tuple(sorted(found, key=lambda finding: order.index(finding.level)))


def _quorum(facts: EtcdFacts) -> Iterator[Finding]:
    if facts.statuses and quorum_lost(facts):
        yield Finding(
            level="warn",
            code="quorum_lost",
            text="no member knows a leader: the cluster has lost its quorum, or an election is running; "
            "the snapshot is one member's own state, which may miss the last writes",
            hint="Keep this backup: it may be the newest state there is. Then bring the lost members back or restore.",
        )


def _cut_off(facts: EtcdFacts) -> Iterator[Finding]:
    alone = [status for status in facts.statuses if status.leader_id == "0"]
    if alone and not quorum_lost(facts):
        yield Finding(
            level="warn",
            code="member_cut_off",
            text=f"no leader is known to {_labels(facts, alone)}, while other members have one",
            hint="See the peer connections (port 2380) of that member.",
        )


def _failures(facts: EtcdFacts) -> Iterator[Finding]:
    for failure in facts.failures:
        yield Finding(
            level="warn",
            code="endpoint_failed",
            text=f"{failure.code}: {failure.message}",
            hint=failure.hint,
        )


def _nospace(facts: EtcdFacts) -> Iterator[Finding]:
    if any(alarm.kind == "NOSPACE" for alarm in facts.alarms):
        yield Finding(
            level="warn",
            code="nospace_alarm",
            text="a NOSPACE alarm is raised: the cluster takes no writes until space is freed; a snapshot works",
            hint="After this backup: compact, defragment each member (the leader last), then `etcdctl alarm disarm`.",
        )


def _corrupt(facts: EtcdFacts) -> Iterator[Finding]:
    corrupt = {alarm.member_id for alarm in facts.alarms if alarm.kind == "CORRUPT"}
    if not corrupt:
        return
    voting = {status.member_id for status in facts.statuses if not status.is_learner}
    if voting and voting <= corrupt:
        yield Finding(
            level="refuse",
            code="members_corrupt",
            text="every voting member that answers has a CORRUPT alarm",
            hint="Do not restart them. Compare HashKV per member, and restore from the newest verified backup.",
        )
        return
    names = ", ".join(sorted(_member_label(facts, member_id) for member_id in corrupt))
    yield Finding(
        level="warn",
        code="corrupt_alarm",
        text=f"a CORRUPT alarm is raised for {names}; the snapshot comes from another member",
        hint="Rebuild that member from the others: remove it, delete its data, add it again.",
    )


def _client_certificate(facts: EtcdFacts) -> Iterator[Finding]:
    left = facts.client_certificate_left
    if left is not None and left < EXPIRES_SOON:
        yield Finding(
            level="warn",
            code="client_certificate_expires",
            text=f"the client certificate for etcd expires in {_duration(left)}; then backups of this cluster fail",
            hint="Issue a new one from etcd's authority and store it in the cluster's secret.",
        )


def _flawed_versions(facts: EtcdFacts) -> Iterator[Finding]:
    flawed = [status for status in facts.statuses if re.match(r"3\.5\.[012](?!\d)", status.version)]
    if flawed:
        yield Finding(
            level="warn",
            code="etcd_version_flawed",
            text=f"etcd {_versions(flawed)} on {_labels(facts, flawed)}: after a crash such a member can miss writes "
            "without knowing it (fixed in 3.5.3)",
            hint="Upgrade. Until then compare `etcdctl endpoint hashkv --cluster`: the hashes must be equal.",
        )


def _large_database(facts: EtcdFacts) -> Iterator[Finding]:
    largest = max((status.db_size for status in facts.statuses), default=0)
    if largest > LARGE_DATABASE_BYTES:
        yield Finding(
            level="warn",
            code="database_large",
            text=f"the database file has {_gib(largest)}, more than the 8 GiB that etcd is made for",
            hint="Find what fills it (`holdfast snapshot inspect`), compact and defragment; expect a slow restore.",
        )


def _mixed_versions(facts: EtcdFacts) -> Iterator[Finding]:
    if len({status.version for status in facts.statuses}) > 1:
        yield Finding(
            level="info",
            code="versions_mixed",
            text=f"the members run different versions: {_versions(facts.statuses)}",
            hint="Normal during an upgrade. Restore with the version that the snapshot came from.",
        )


def _learners(facts: EtcdFacts) -> Iterator[Finding]:
    learners = {status.member_id for status in facts.statuses if status.is_learner}
    learners |= {member.member_id for member in facts.members if member.is_learner}
    if learners:
        names = ", ".join(sorted(_member_label(facts, member_id) for member_id in learners))
        yield Finding(
            level="info",
            code="learner_present",
            text=f"{names} is a learner and is not used",
            hint="Promote it when it has caught up, or remove it.",
        )


def _free_pages(facts: EtcdFacts) -> Iterator[Finding]:
    sparse = [
        status
        for status in facts.statuses
        if status.db_size > SMALL_DATABASE_BYTES and status.db_size_in_use < (1 - FREE_SHARE) * status.db_size
    ]
    if sparse:
        worst = min(sparse, key=lambda status: status.db_size_in_use / status.db_size)
        free = 100 - round(100 * worst.db_size_in_use / worst.db_size)
        yield Finding(
            level="info",
            code="database_sparse",
            text=f"up to {free} % of the database file is free pages ({_labels(facts, sparse)}); they are copied too",
            hint="Defragment each member, the leader last, one at a time.",
        )


def _unasked_members(facts: EtcdFacts) -> Iterator[Finding]:
    answered = {status.member_id for status in facts.statuses}
    failed = {failure.endpoint for failure in facts.failures}
    unasked = [
        member
        for member in facts.members
        if member.name and member.member_id not in answered and not failed & set(member.client_urls)
    ]
    # An endpoint may name a member by an address that the member list does not know, such as a load balancer's.
    known = {url for member in facts.members for url in member.client_urls}
    if len(unasked) > len(failed - known):
        yield Finding(
            level="info",
            code="member_without_endpoint",
            text=f"no endpoint is configured for {_names(unasked)}",
            hint="Add its client URL to transport.endpoints, so that a backup still works when the others are down.",
        )


def _unstarted_members(facts: EtcdFacts) -> Iterator[Finding]:
    unstarted = [member for member in facts.members if not member.name]
    if unstarted:
        yield Finding(
            level="info",
            code="member_not_started",
            text=f"added but never started: {_names(unstarted)}",
            hint="Start it or remove it: a member that never comes counts for the quorum all the same.",
        )


def _member_label(facts: EtcdFacts, member_id: str) -> str:
    names = (member.name for member in facts.members if member.member_id == member_id)
    return next(names, "") or f"member {member_id}"


def _labels(facts: EtcdFacts, statuses: list[MemberStatus]) -> str:
    return ", ".join(sorted(_member_label(facts, status.member_id) for status in statuses))


def _names(members: list[Member]) -> str:
    return ", ".join(sorted(member.name or f"member {member.member_id}" for member in members))


def _versions(statuses: list[MemberStatus] | tuple[MemberStatus, ...]) -> str:
    return ", ".join(sorted({status.version for status in statuses}))


def _duration(left: timedelta) -> str:
    """Whole days, or hours of the last one, rounded down: no warning promises more time than there is."""
    count, unit = (left.days, "day") if left >= timedelta(days=1) else (left // timedelta(hours=1), "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
