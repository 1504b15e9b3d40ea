"""What the nodes said in a step, held against each other and against the backup."""

from collections.abc import Mapping
from typing import Any

from holdfast.errors import PermanentError
from holdfast.models.restore import RestorePlan, RestoreStep
from holdfast.models.restore_reports import KeyCounts
from holdfast.planning.restore_plan import OTHER_KEYS

Reports = Mapping[str, Mapping[str, Any]]


def check(name: str, step: RestoreStep, reports: Reports, plan: RestorePlan) -> None:
    """`name` is one of the step's `agree`; `reports` are what its script said on each node.

    PermanentError `members_differ`, `hash_differs`, `counts_differ`, `leaders_differ`.
    """
    _CHECKS[name](step, reports, plan)


def _same_members(step: RestoreStep, reports: Reports, plan: RestorePlan) -> None:
    """The ids follow from names, URLs and token: others on one node mean that it was told something else."""
    del plan
    asked = {command.node: command.values.get("bump") or "0" for command in step.commands}
    made = {node: str(report.get("bumped", 0)) for node, report in reports.items()}
    told = {node: (",".join(sorted(report.get("members", ()))), made[node]) for node, report in reports.items()}
    if len(set(told.values())) > 1 or any(made[node] != asked.get(node, made[node]) for node in made):
        raise PermanentError(
            "members_differ",
            f"the nodes did not make the same cluster: {_listed(told)}",
            hint="Abort the run: nothing was replaced yet. The nodes may have tools of different versions.",
        )


def _same_hash(step: RestoreStep, reports: Reports, plan: RestorePlan) -> None:
    """Hashes compare at one revision and one compaction only. Where the revision that was asked for is compacted, and
    in a cluster that is written to, each member tells that of its own newest one: then it has asked all the others for
    the same one itself (`alike`), and what compares with nobody is no agreement."""
    seen: dict[tuple[int, int], dict[str, int]] = {}
    for node, report in reports.items():
        seen.setdefault(_point(report), {})[node] = int(report.get("hash", 0))
    told = {node: f"{value} at {point}" for point, values in seen.items() for node, value in values.items()}
    if any(len(set(values.values())) > 1 for values in seen.values()):
        raise PermanentError(
            "hash_differs",
            f"the members do not have the same data: HashKV {_listed(told)}",
            hint="Do not start the API servers. Compare `etcdctl endpoint hashkv --cluster`; the old data are kept.",
        )
    if len(seen) > 1 and any(int(report.get("alike", 0)) < len(reports) for report in reports.values()):
        raise PermanentError(
            "hash_not_compared",
            f"no two revisions are the same, so that nothing was compared: HashKV {_listed(told)}",
            hint="Resume the run: the members are asked again. When it stays so, look at who writes so much.",
        )
    asked = {command.values.get("at", "0") for command in step.commands} == {str(plan.revision)}
    if asked and plan.revision and plan.hash_kv is not None:
        backups = seen.get((plan.revision, _compacted(plan.compact_revision)), {})
        if others := {node: value for node, value in backups.items() if value != plan.hash_kv}:
            raise PermanentError(
                "hash_differs",
                f"the data are not the backup's: HashKV {plan.hash_kv} there, here {_listed(others)}",
                hint="Do not start the API servers. Verify the backup again; the old data are kept.",
            )


def _point(report: Mapping[str, Any]) -> tuple[int, int]:
    """The revision that a hash is of, and up to which one etcd was compacted then."""
    revision = int(report.get("at") or report.get("revision", 0))
    return revision, _compacted(report.get("compact_revision"))


def _compacted(revision: Any) -> int:
    """Before the first compaction, files say -1 and etcdctl's answers leave it out."""
    return max(int(revision or 0), 0)


def _same_counts(step: RestoreStep, reports: Reports, plan: RestorePlan) -> None:
    """A backup that was never read back has no counts: then nothing is compared."""
    del step
    if not plan.counts:
        return
    for node, report in reports.items():
        found = dict(KeyCounts.model_validate(report).resources)
        found[OTHER_KEYS] = int(report.get("other", 0))
        names = sorted(set(found) | set(plan.counts))
        off = [name for name in names if found.get(name, 0) != plan.counts.get(name, 0)]
        if off:
            told = ", ".join(f"{name} {found.get(name, 0)} of {plan.counts.get(name, 0)}" for name in off[:10])
            raise PermanentError(
                "counts_differ",
                f"{node} has other objects than the backup: {told}",
                hint="Do not start the API servers. Verify the backup again; the old data are kept.",
            )


def _one_leader(step: RestoreStep, reports: Reports, plan: RestorePlan) -> None:
    del step, plan
    told = {
        node: (str(report.get("cluster_id", "")), str(report.get("leader", ""))) for node, report in reports.items()
    }
    if len(set(told.values())) > 1 or any(leader in ("", "0") for _, leader in told.values()):
        raise PermanentError(
            "leaders_differ",
            f"the members do not follow one leader of one cluster: {_listed(told)}",
            hint="Resume the run if an election was running. A member of another cluster was not restored with these.",
        )


def _listed(told: Mapping[str, object]) -> str:
    return "; ".join(f"{node}: {' '.join(each) if isinstance(each, tuple) else each}" for node, each in told.items())


_CHECKS = {
    "same-members": _same_members,
    "same-hash": _same_hash,
    "same-counts": _same_counts,
    "one-leader": _one_leader,
}
