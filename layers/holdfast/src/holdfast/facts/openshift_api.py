"""What the API told a control-plane host of OpenShift, from the sections of node/openshift_survey.sh: one per question.

An answer is text that jsonpath made: rows are lines, fields have tabs between them, what is missing is empty. Words are
kept as the API has them; a row that is none is left out, as other rows are worth reading all the same.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from holdfast.models.openshift import (
    OPERATORS,
    ClusterNode,
    Encryption,
    EtcdPod,
    Machine,
    OpenShiftCluster,
    Operator,
)

_ANSWER, _FAILED = "api ", " failed"
# What kubectl says of an object, and of a kind, that is not there: that is an answer, as releases differ.
_NOT_THERE = ("(NotFound)", "doesn't have a resource type")
_UNREACHABLE = "node.kubernetes.io/unreachable"
_ROWS = 64


def silence(found: Mapping[str, str]) -> str:
    """Why the API told nothing: the words of the first question; "" when it told something, or was not asked."""
    if any(name.startswith(_ANSWER) and not name.endswith(_FAILED) for name in found):
        return ""
    return next((_last_line(text) for name, text in found.items() if name.startswith(_ANSWER)), "")


def read_cluster(found: Mapping[str, str]) -> OpenShiftCluster | None:
    """None when no question was answered."""
    if not any(name.startswith(_ANSWER) and not name.endswith(_FAILED) for name in found):
        return None
    version, progressing, created = _fields(_answer(found, "version"), 3)
    topology, platform, infrastructure = _fields(_answer(found, "infrastructure"), 3)
    guard, available, message = _lines(_answer(found, "etcd"), 3)
    return OpenShiftCluster(
        version=version,
        progressing=progressing,
        created_at=_moment(created),
        topology=topology,
        platform=platform,
        infrastructure=infrastructure,
        operators=tuple(_operators(found)),
        encryption=tuple(_encryption(found)),
        proxy=_answer(found, "proxy").strip() == "yes",
        members_available=available,
        members_message=message,
        guard_off=guard == "true",
        nodes=tuple(_nodes(found)),
        machines=tuple(Machine(name=n, node=o, phase=p, state=s) for n, o, p, s in _rows(found, "machines", 4)),
        machine_set=_answer(found, "machine-set").strip(),
        etcd_pods=tuple(_pods(found)),
        unanswered=tuple(_unanswered(found)),
    )


def _operators(found: Mapping[str, str]) -> Iterator[Operator]:
    for name, available, progressing, degraded in _rows(found, "operators", 4):
        if name in OPERATORS:
            yield Operator(name=name, available=available, progressing=progressing, degraded=degraded)


def _encryption(found: Mapping[str, str]) -> Iterator[Encryption]:
    before = f"{_ANSWER}encryption "
    for name, text in found.items():
        if name.startswith(before) and not name.endswith(_FAILED):
            reason, message = _lines(text, 2)
            yield Encryption(server=name.removeprefix(before), reason=reason, message=message)


def _nodes(found: Mapping[str, str]) -> Iterator[ClusterNode]:
    for name, ready, since, taints, addresses in _rows(found, "nodes", 5):
        yield ClusterNode(
            name=name,
            ready=ready,
            ready_since=_moment(since),
            unreachable=_UNREACHABLE in taints.split(),
            addresses=tuple(addresses.split()[:16]),
        )


def _pods(found: Mapping[str, str]) -> Iterator[EtcdPod]:
    for name, node, phase, ready, restarts, reasons in _rows(found, "pods", 6):
        counts = [int(each) for each in restarts.split() if re.fullmatch(r"\d{1,9}", each, re.ASCII)]
        yield EtcdPod(
            name=name,
            node=node,
            phase=phase,
            ready=ready == "True",
            restarts=sum(counts),
            reason=next(iter(reasons.split()), ""),
        )


def _unanswered(found: Mapping[str, str]) -> Iterator[str]:
    for name, text in found.items():
        if name.startswith(_ANSWER) and name.endswith(_FAILED) and not any(each in text for each in _NOT_THERE):
            yield f"{name.removeprefix(_ANSWER).removesuffix(_FAILED)}: {_last_line(text)}"


def _answer(found: Mapping[str, str], question: str) -> str:
    return found.get(f"{_ANSWER}{question}", "")


def _rows(found: Mapping[str, str], question: str, count: int) -> Iterator[tuple[str, ...]]:
    """Those that have a name."""
    for line in _answer(found, question).splitlines()[:_ROWS]:
        row = _fields(line, count)
        if row[0]:
            yield row


def _fields(line: str, count: int) -> tuple[str, ...]:
    fields = [each.strip() for each in line.strip("\n").split("\t")]
    return (*fields[:count], *[""] * (count - len(fields)))


def _lines(text: str, count: int) -> tuple[str, ...]:
    """The last one with all that follows: a message may have lines of its own."""
    lines = text.split("\n", count - 1)
    return (*(each.strip() for each in lines), *[""] * (count - len(lines)))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it failed without a word"


def _moment(text: str) -> datetime | None:
    """Kubernetes' own form, "2026-11-20T15:43:00Z"; None for any other."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
