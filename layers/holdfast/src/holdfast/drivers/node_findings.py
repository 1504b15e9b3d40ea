"""What surveys say for or against a backup on any distribution: each function finds one kind of thing."""

from collections.abc import Callable, Iterable, Iterator

from holdfast.drivers.needs import lacks_etcdctl, lacks_room, lacks_tools
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding

# Presigned URLs are refused from 15 minutes on, certificates and leases suffer earlier.
CLOCK_OFF_S = 30


def in_order(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """In the order refuse, warn, info; each group as it was found."""
    order = ("refuse", "warn", "info")
    return tuple(sorted(found, key=lambda finding: order.index(finding.level)))


def root(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    names = [survey.node for survey in surveys if not survey.root]
    if names:
        yield Finding(
            level="refuse",
            code="node_not_root",
            text=f"commands do not run as root on {', '.join(names)}",
            hint="Give the user of the transport sudo without a password, or use root.",
        )


def members(surveys: tuple[NodeSurvey, ...]) -> list[NodeSurvey]:
    return [survey for survey in surveys if survey.etcd]


def lacking(
    surveys: tuple[NodeSurvey, ...], why: Callable[[NodeSurvey], str], code: str, hint: str
) -> Iterator[Finding]:
    """One finding for all nodes that have a member and lack something: refused when all of them do."""
    found = members(surveys)
    reasons = {survey.node: reason for survey in found if (reason := why(survey))}
    if reasons:
        yield Finding(
            level="refuse" if len(reasons) == len(found) else "warn",
            code=code,
            text="; ".join(f"{node}: {reason}" for node, reason in reasons.items()),
            hint=hint,
        )


def disks(surveys: tuple[NodeSurvey, ...], facts: EtcdFacts) -> Iterator[Finding]:
    largest = max((status.db_size for status in facts.statuses), default=0)
    return lacking(
        surveys,
        lambda survey: lacks_room(survey, largest),
        "node_disk_short",
        "Make room below /var/lib: a snapshot takes two times the database for a while.",
    )


def tools(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    return lacking(surveys, lacks_tools, "node_tool_missing", "Install it there.")


def etcd_tools(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    hint = "Put a client of the container runtime, or etcdctl for an etcd that runs on the host, on root's PATH."
    return lacking(surveys, lacks_etcdctl, "etcd_tool_missing", hint)


def not_asked(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    for survey in surveys:
        if survey.etcd_problem:
            yield Finding(
                level="warn",
                code="member_not_asked",
                text=f"{survey.node}: its etcd cannot be asked: {survey.etcd_problem}",
                hint="Its manifest or the flags of its process say why; another member is taken.",
            )


def clocks(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    for survey in surveys:
        off = survey.clock_offset_s
        if abs(off) >= CLOCK_OFF_S:
            yield Finding(
                level="warn",
                code="node_clock_off",
                text=f"the clock of {survey.node} is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}",
                hint="See its time service (chronyc tracking, timedatectl): uploads are refused from 15 minutes on.",
            )


def unsurveyed(surveys: tuple[NodeSurvey, ...], facts: EtcdFacts) -> Iterator[Finding]:
    """A member is known by its name or by a client URL that one of our nodes advertises. A node that told nothing may
    have any of the others, when it has not its member's name: so many are not complained about."""
    known = {survey.etcd.name for survey in surveys if survey.etcd}
    known |= {name for survey in surveys for name in (survey.node, survey.hostname)}
    urls = {url for survey in surveys if survey.etcd for url in survey.etcd.client_urls}
    names = [member.name for member in facts.members if member.name and member.name not in known]
    away = [member.name for member in facts.members if member.name in names and not urls & set(member.client_urls)]
    silent = {failure.endpoint for failure in facts.failures}
    away = [name for name in away if name not in silent]
    if len(away) > len(silent - {member.name for member in facts.members} - known):
        yield Finding(
            level="warn",
            code="nodes_missing",
            text=f"etcd has members on nodes that the cluster file does not name: {', '.join(away)}",
            hint="Name them in the transport: their certificates and manifests are not in the backup without.",
        )


def key_services(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    sockets = sorted({socket for survey in surveys for socket in survey.key_services})
    if sockets:
        yield Finding(
            level="info",
            code="kms_in_use",
            text=f"Secrets are encrypted by a key management service (plugin at {', '.join(sockets)[:300]}): "
            "its key is in no backup",
            hint="Make sure that the key itself outlives the cluster: without it these Secrets cannot be read.",
        )


def compressors(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    names = [survey.node for survey in members(surveys) if "zstd" not in survey.tools and "gzip" in survey.tools]
    if names:
        yield Finding(
            level="info",
            code="node_no_zstd",
            text=f"no zstd on {', '.join(names)}: a snapshot taken there is compressed with gzip, slower and larger",
            hint="Install zstd there.",
        )
