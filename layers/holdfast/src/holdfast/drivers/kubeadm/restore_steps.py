"""The steps that stop a control plane and put data into place, each for the nodes that it is given; None when none
needs it.

Every step before the one with `no_return` leaves nothing or names its undo; old data are renamed, never removed.
"""

from collections.abc import Iterable, Sequence

from holdfast.drivers.etcdctl import CONTAINER
from holdfast.drivers.kubeadm import restore_values as values
from holdfast.drivers.kubeadm.restore_facts import API, CONTROLLERS
from holdfast.drivers.restore import RestoreTask, TaskNode
from holdfast.drivers.timeouts import (
    PODS_S,
    SLACK_S,
    UNIT_S,
    snapshot_timeout_s,
)
from holdfast.models.restore import NodeCommand, RestoreStep

Nodes = Sequence[TaskNode]

# By hand nothing is downloaded: a person has put it there (planning/runbook_prepare.py).
_SNAPSHOT_BY_HAND = """make_keep
if [ ! -f "$keep/snapshot.db" ] || ! snapshot_is "$keep/snapshot.db" "$sha256"; then
    snapshot_is /root/holdfast/snapshot.db "$sha256" ||
        give_up restore_snapshot_differs "/root/holdfast/snapshot.db does not have the SHA-256 $sha256"
    cp /root/holdfast/snapshot.db "$keep/snapshot.db" || give_up restore_disk_full "$keep cannot be written"
fi
result "{\\"bytes\\":$(wc -c <"$keep/snapshot.db")}"
"""
_BUNDLE_BY_HAND = """make_keep
if [ "$(cat "$keep/files/.sha256" 2>/dev/null)" != "$bundle_sha256" ]; then
    rm -rf "$keep"/files "$keep"/files.*
    fresh=$(mktemp -d "$keep/files.XXXXXX") || give_up restore_disk_full "nothing can be made in $keep"
    mkdir "$fresh/tree"
    (umask 022 && tar -xpf /root/holdfast/bundle.tar -C "$fresh/tree") ||
        give_up restore_bundle_differs "/root/holdfast/bundle.tar cannot be unpacked"
    printf '%s\\n' "$bundle_sha256" >"$fresh/.sha256" && mv "$fresh" "$keep/files" ||
        give_up restore_disk_full "$fresh cannot be finished"
fi
result "{\\"files\\":$(find "$keep/files/tree" ! -type d | wc -l)}"
"""


def needed(step: RestoreStep) -> RestoreStep | None:
    return step if step.commands else None


def having(nodes: Nodes, containers: Iterable[str], *, wanted: bool = False) -> list[TaskNode]:
    names = set(containers)
    return [node for node in nodes if names & {file.container for file in (node.wanted if wanted else node.running)}]


def stop_api(run_id: str, nodes: Nodes) -> RestoreStep | None:
    names = (API, *CONTROLLERS)
    return needed(
        RestoreStep(
            name="stop-api",
            phase="Shutdown",
            title="Stop the API servers, controllers and schedulers: nobody writes any more",
            script="stop_pods",
            commands=tuple(values.on(each, values.pods(run_id, each, names)) for each in having(nodes, names)),
            timeout_s=PODS_S + SLACK_S,
            done_when="no container of these names runs on any node",
            undo="put_pods_back",
        )
    )


def stop_etcd(run_id: str, nodes: Nodes) -> list[RestoreStep | None]:
    pods, units = having(nodes, (CONTAINER,)), [node for node in nodes if node.unit]
    step = RestoreStep(
        name="stop-etcd",
        phase="Shutdown",
        title="Stop etcd, and see that it is gone",
        script="stop_pods",
        commands=tuple(values.on(each, values.pods(run_id, each, (CONTAINER,))) for each in pods),
        timeout_s=PODS_S + SLACK_S,
        done_when="no container named etcd runs",
        undo="put_pods_back",
    )
    unit = step.model_copy(
        update={
            "name": "stop-etcd-units" if pods else "stop-etcd",
            "script": "stop_unit",
            "commands": tuple(values.on(each, values.unit(each)) for each in units),
            "timeout_s": UNIT_S + SLACK_S,
            "done_when": "systemd says that the unit is inactive",
            "undo": "put_unit_back",
        }
    )
    return [needed(step), needed(unit)]


def fetch(task: RestoreTask, nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="fetch",
            phase="Restore",
            title="Fetch the snapshot to the nodes, and check its hash there",
            script="fetch",
            commands=tuple(values.on(each, values.places(task.run_id, each), values.snapshot(task)) for each in nodes),
            grant="snapshot",
            timeout_s=snapshot_timeout_s(task.raw_size),
            done_when="the file's hash is the one at its own end, and the manifest's",
            undo="forget_new",
            by_hand=_SNAPSHOT_BY_HAND,
        )
    )


def rebuild(task: RestoreTask, nodes: Nodes, members: Nodes) -> RestoreStep | None:
    def command(each: TaskNode) -> NodeCommand:
        return values.on(each, values.places(task.run_id, each), values.new_member(task, each, members))

    return needed(
        RestoreStep(
            name="rebuild",
            phase="Restore",
            title="Make a new member of the snapshot in a fresh directory, under a fresh cluster token",
            script="rebuild",
            commands=tuple(map(command, nodes)),
            timeout_s=snapshot_timeout_s(task.raw_size),
            done_when="every node made the same members, with the owner and mode of the old data",
            undo="forget_new",
            agree=("same-members",),
        )
    )


def fetch_bundle(run_id: str, nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="fetch-bundle",
            phase="Restore",
            title="Fetch each node's own certificates, keys and manifests",
            script="fetch_bundle",
            commands=tuple(
                values.on(each, values.places(run_id, each), values.bundle(each)) for each in nodes if each.bundle
            ),
            grant="bundle",
            timeout_s=snapshot_timeout_s(0),
            done_when="the bundle's hash is the manifest's, and it is unpacked beside the data",
            undo="forget_new",
            by_hand=_BUNDLE_BY_HAND,
        )
    )


def swap(run_id: str, nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="swap",
            phase="Restore",
            title="Move the old data aside and the new data into place",
            script="swap",
            commands=tuple(values.on(each, values.places(run_id, each)) for each in nodes),
            timeout_s=2 * SLACK_S,
            done_when="the data directory has the new member, and the old one is kept beside it",
            no_return=True,
        )
    )


def swap_files(run_id: str, nodes: Nodes) -> RestoreStep | None:
    def command(each: TaskNode) -> NodeCommand:
        moved = values.pods(run_id, each, {file.container for file in each.wanted}, wanted=True)
        folder = {"manifests": each.manifests, "aside": moved["aside"], "pods": moved["pods"]}
        return values.on(each, values.places(run_id, each), folder)

    return needed(
        RestoreStep(
            name="swap-files",
            phase="Restore",
            title="Move certificates, keys and manifests into place; what was there is kept",
            script="swap_files",
            commands=tuple(command(each) for each in nodes if each.bundle),
            timeout_s=2 * SLACK_S,
            done_when="every file of the bundle is in place, the control plane's manifests beside their folder",
            undo="put_files_back",
        )
    )


def put_aside(run_id: str, nodes: Nodes) -> RestoreStep | None:
    return needed(
        RestoreStep(
            name="put-aside",
            phase="Restore",
            title="Move the old data aside where a member will be filled by the others",
            script="put_aside",
            commands=tuple(values.on(each, values.places(run_id, each)) for each in nodes),
            timeout_s=2 * SLACK_S,
            done_when="the data directory has no member, and the old one is kept beside it",
            no_return=True,
        )
    )
