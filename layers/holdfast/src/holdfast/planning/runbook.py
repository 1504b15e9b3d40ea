"""A plan as a page that a person follows with a root shell on the nodes, `aws` and `zstd` elsewhere: no Holdfast."""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast import node
from holdfast.models.restore import CHANGE_PHASES, RestorePlan, RestoreStep
from holdfast.models.storage import StorageSpec
from holdfast.planning.runbook_blocks import HAND, blocks_of, code
from holdfast.planning.runbook_openshift import sessions
from holdfast.planning.runbook_prepare import prepare, prepare_bundles
from holdfast.planning.runbook_return import after_no_return, before_no_return, second_time
from holdfast.planning.runbook_store import store_lines

_NO_RETURN = (
    "> **Point of no return.** Up to here everything can be taken back: see *Going back*. From the next step on the "
    "old data are aside. They are kept; but go on with these steps rather than back, unless the new data are wrong."
)
# What the commands of a phase are for, in a sentence.
_PHASES = {
    "Shutdown": "Nobody may write, and no old member may go on, while the data are replaced. Do not go on before every "
    "block of this part has ended well on every node.",
    "Restore": "The new data are made beside the old ones, and then both change places.",
    "RestartCluster": "etcd first, on all nodes; the API servers only when its data are right.",
    "Finished": "See that it works.",
}
# Where old data are, by the driver.
_BESIDE = "`*.holdfast-*` beside etcd's directory"
_OLD_DATA = {"openshift": "`/var/lib/holdfast-old` and `/var/lib/etcd-backup`"}


@dataclass(frozen=True)
class Buckets:
    """Names of the buckets, each with the folder in it; without one the page asks for it. `store` are lines of
    shell that lead `aws` to a store which is not AWS's own."""

    snapshots: str = ""
    secrets: str = ""
    store: tuple[str, ...] = ()


def buckets_of(spec: StorageSpec, own_snapshots: str, own_secrets: str) -> Buckets:
    """Those that the spec names, else the stack's own."""
    names = (spec.bucket or own_snapshots, spec.secrets_bucket or own_secrets)
    snapshots, secrets = (f"{name}/{spec.folder}" if spec.folder else name for name in names)
    return Buckets(snapshots, secrets, store_lines(spec))


def runbook(plan: RestorePlan, buckets: Buckets | None = None, *, lost_files: RestorePlan | None = None) -> str:
    """Markdown. Values are literal; blocks are POSIX sh and can be pasted into any shell. `lost_files` is the same
    restore with files: its steps for them become a section of their own."""
    known = buckets or Buckets()
    parts = [
        *_head(plan),
        *prepare(plan, known.snapshots, known.secrets, known.store),
        *_steps(plan),
        *(_lost_files(lost_files, known.secrets) if lost_files else ()),
        *before_no_return(plan),
        *after_no_return(plan),
        *second_time(plan),
        *_counts(plan),
        "## Functions",
        "What the blocks share. *Prepare* cuts this part out of this file.",
        code(f"# functions: begin\n{node.by_hand_functions(plan.driver)}# functions: end"),
    ]
    return "\n\n".join(parts) + "\n"


def _head(plan: RestorePlan) -> Iterator[str]:
    if plan.job == "approve-csrs":
        yield f"# Approve certificate requests of kubelets of {plan.cluster_id}, by hand"
        told = "two waves"
    elif plan.job == "restore":
        yield f"# Restore {plan.cluster_id} from {plan.backup_id}, by hand"
        told = f"mode {plan.mode}"
    elif plan.job == "restore-quorum":
        yield f"# Restore the quorum of {plan.cluster_id} from a member that is left, by hand"
        told = "no backup"
    else:
        yield f"# Replace the member of {plan.cluster_id} on {plan.replaced}, by hand"
        told = "one member"
    yield (
        f"Made {plan.made_at:%Y-%m-%d %H:%M} UTC for the run `{plan.run_id}` ({plan.driver}, {told}). You need a root "
        f"shell on {', '.join(nodes_of(plan))}, and one machine with `aws`, `zstd` and credentials for the buckets. "
        "Holdfast, its stack and Python are not needed."
    )
    yield (
        "Work from top to bottom. A block is pasted as it is into a root shell (sh, dash or bash; start `sh` where it "
        "is another one) of each node that it names; it prints one line of JSON when "
        "it has done its work, and `STOP: ...` when it has not. It may be run again at any time: what is done is not "
        "done twice. After `STOP` mend what it says, and run the same block again. No block removes old data: they are "
        "moved aside on the same disk."
    )
    if plan.driver == "openshift":
        yield from sessions(plan)
    if plan.job == "restore":
        yield ("If the cluster was restored since then, begin with *A second time*.")
    if plan.emergency:
        yield f"A backup of what still answered before was made by Holdfast: `{plan.emergency}`."
    elif plan.job == "restore":
        yield (
            "If a member of etcd still answers, save what it has before you begin, and keep the file: "
            "`etcdctl snapshot save` with its certificates, from that member alone."
        )
    warned = [f"- `{finding.code}`: {finding.text}. {finding.hint}".rstrip() for finding in plan.findings]
    if warned:
        yield "What was found when this page was made:"
        yield "\n".join(warned)


def nodes_of(plan: RestorePlan) -> tuple[str, ...]:
    """In the order in which they first appear."""
    return tuple(dict.fromkeys(command.node for step in plan.steps for command in step.commands))


def _steps(plan: RestorePlan) -> Iterator[str]:
    numbers = {step.name: number for number, step in enumerate(plan.steps, start=1)}
    passed = False
    for phase in CHANGE_PHASES:
        steps = [step for step in plan.steps_of(phase) if step.commands]
        if not steps:
            continue
        yield f"## {phase}"
        yield _PHASES[phase]
        for step in steps:
            if step.no_return and not passed:
                passed = True
                yield _NO_RETURN
            yield from _step(numbers[step.name], step, plan)
    yield (
        f"When all is well: remove `{HAND}` on every node (it has the functions, the snapshot and bundles), and the "
        "working directory on the machine where you fetched them: they hold every Secret. Old data, in "
        f"{_OLD_DATA.get(plan.driver, _BESIDE)}, may go when nobody will miss them."
    )


def _step(number: int, step: RestoreStep, plan: RestorePlan) -> Iterator[str]:
    yield f"### {number}. {step.name}"
    nodes = ", ".join(command.node for command in step.commands)
    order = "one after the other, in this order" if step.one_by_one else "at the same time, in one terminal each"
    where = nodes if len(step.commands) == 1 else f"{nodes}: {order}"
    yield f"{step.title}. Where: {where}. It may take up to {_span(step.timeout_s)}."
    yield from blocks_of(step)
    yield f"Go on when {step.done_when}" + "".join(f"; {_agreement(name, step, plan)}" for name in step.agree) + "."


def _lost_files(plan: RestorePlan, secrets: str) -> Iterator[str]:
    """Between the steps swap and start-etcd of the other plan."""
    steps = [step for step in plan.steps if step.name in ("fetch-bundle", "swap-files", "start-kubelet")]
    if not steps:
        return
    yield "## Nodes that lost their files"
    yield (
        "Only on nodes where certificates, keys or manifests are gone, new hosts of the same names and addresses among "
        "them; a node that has its files keeps them. First see that kubelet and a container runtime are installed, and "
        "that etcd's image is there (`crictl pull`). Do this before the step `rebuild`; the steps of *Shutdown* have "
        "nothing to do on such a node."
    )
    yield from prepare_bundles(plan, secrets)
    for step in steps:
        yield f"### {step.name}"
        yield f"{step.title}."
        yield from blocks_of(step)
        yield f"Go on when {step.done_when}."


def _span(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"


def _agreement(name: str, step: RestoreStep, plan: RestorePlan) -> str:
    if name == "same-members":
        bump = step.commands[0].values.get("bump") or "0"
        return f"`members` must be the same list on every node, and `bumped` must be {bump} on each"
    if name == "one-leader":
        return "`cluster_id` and `leader` must be the same on every node"
    if name == "same-counts":
        return "the counts must be those under *Counts* (where none are there, nobody ever read the backup back)"
    at = step.commands[0].values.get("at", "0")
    if at == "0":
        return f"`alike` must be {len(step.commands)} on every node"
    same = "`hash` must be the same on every node (where `at` is 0: `alike` the number of nodes)"
    if plan.hash_kv is not None and at == str(plan.revision):
        return f"{same}, and {plan.hash_kv}, as in the backup"
    return same


def _counts(plan: RestorePlan) -> Iterator[str]:
    if plan.counts:
        yield "## Counts"
        yield f"Objects in the backup, at revision {plan.revision}; `other keys` is `other` in the block's answer."
        yield "\n".join(
            ["| resource | objects |", "|---|---|", *(f"| {name} | {count} |" for name, count in plan.counts.items())]
        )
