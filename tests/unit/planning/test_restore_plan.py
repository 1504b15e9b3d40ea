"""Plans of restores and replacements, in every mode and many shapes: what must hold for each of them, and details."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from builders.etcd_facts import etcd_facts, member, status
from builders.restore_shapes import (
    BACKUP,
    NOW,
    RUN,
    Shape,
    backup,
    bundle,
    facts,
    one_down,
    replacement,
    request,
    seen,
    spec,
    survey,
)
from holdfast.drivers.registry import driver_of
from holdfast.models.restore import CHANGE_PHASES, RestoreMode, RestorePlan
from holdfast.node import change
from holdfast.planning.replace_plan import plan_replacement
from holdfast.planning.restore_plan import BUMP, REVISIONS_PER_S, plan_restore
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen, restored, seen_in_backup

MODES: tuple[RestoreMode, ...] = ("etcd", "full", "one-first", "new-hosts")
SHAPES = [
    Shape(members=members, external=external, workers=workers)
    for members in (1, 2, 3, 5)
    for external in (False, True)
    for workers in (0, 2)
]
# Scripts after which a member of the old cluster, or an API server, may serve.
_STARTS = {"start_pods", "start_unit", "start_api"}
# Scripts that touch what is kept of the old state; none may run while its owner is up.
_NEEDS_STOPPED = {"swap", "swap_files", "put_aside", "rebuild", "fetch", "fetch_bundle"}


def planned(shape: Shape, mode: RestoreMode = "etcd", before: RestoreSeen | None = None, **made: object) -> RestorePlan:
    chosen = made.get("chosen")
    return plan_restore(
        spec(shape),
        before or seen(shape),
        chosen if isinstance(chosen, ChosenBackup) else backup(shape),
        request(mode),
        run_id=RUN,
        token="holdfast-t",
        emergency=None,
        findings=(),
        now=when if isinstance(when := made.get("now"), datetime) else NOW,
    )


def fresh(shape: Shape) -> RestoreSeen:
    """Hosts with nothing on them but a runtime and kubelet."""
    bare = tuple(survey(shape, node, topology="none", etcd=None, apiserver=None) for node in shape.nodes)
    told = {each.node: facts(each, pods=(), data_exists=False, unit="") for each in bare}
    return RestoreSeen(surveys=bare, facts=told)


def every_plan() -> list[pytest.param]:  # type: ignore[valid-type]
    plans = []
    for shape in SHAPES:
        for mode in MODES:
            if shape.external and mode in ("one-first", "new-hosts"):
                continue  # refused: mode_unsupported; a bare host has no unit for etcd
            before = fresh(shape) if mode == "new-hosts" else seen(shape)
            plans.append(pytest.param(planned(shape, mode, before), id=f"{shape} {mode}"))
        beside = seen_in_backup(driver_of("kubeadm"), backup(shape))
        plans.append(pytest.param(planned(shape, "etcd", beside), id=f"{shape} beside a backup"))
    for members in (3, 4, 5):
        shape = Shape(members=members)
        plans.append(pytest.param(replaced(shape), id=f"{shape} replacement"))
        plans.append(pytest.param(replaced(shape, lost_files=True), id=f"{shape} replacement of a lost host"))
    return plans


def replaced(shape: Shape, *, lost_files: bool = False) -> RestorePlan:
    before = one_down(shape)
    if lost_files:
        bare = survey(shape, "n3", topology="none", etcd=None, apiserver=None)
        others = tuple(each for each in before.surveys if each.node != "n3")
        known = {**before.facts, "n3": facts(bare, pods=())}
        before = replace(before, surveys=(*others, bare), facts=known)
    return plan_replacement(
        spec(shape),
        before,
        "n3",
        replacement(),
        run_id=RUN,
        emergency=BACKUP,
        findings=(),
        now=NOW,
        backup=backup(shape) if lost_files else None,
    )


PLANS = every_plan()
every = pytest.mark.parametrize("plan", PLANS)


def index(plan: RestorePlan, name: str) -> int:
    return [step.name for step in plan.steps].index(name)


def no_return(plan: RestorePlan) -> int:
    return next(number for number, step in enumerate(plan.steps) if step.no_return)


@every
def test_steps_have_names_of_their_own_and_phases_in_order(plan: RestorePlan) -> None:
    names = [step.name for step in plan.steps]
    assert len(set(names)) == len(names)
    phases = [CHANGE_PHASES.index(step.phase) for step in plan.steps]
    assert phases == sorted(phases)
    assert names[-1] == "report"


@every
def test_every_script_and_undo_is_there(plan: RestorePlan) -> None:
    for step in plan.steps:
        for script in filter(None, (step.script, step.undo)):
            assert change(script)
        assert bool(step.script) == bool(step.commands), step.name


@every
def test_everything_before_the_point_of_no_return_can_be_taken_back(plan: RestorePlan) -> None:
    assert [step.name for step in plan.steps[: no_return(plan)] if not step.undo] == []


@every
def test_what_is_stopped_is_put_back_whether_it_ran_before_or_not(plan: RestorePlan) -> None:
    """In a disaster it was down, and no start of it would ever be seen."""
    undone = {step.undo for step in plan.steps if step.script in ("stop_pods", "stop_unit")}
    assert undone <= {"put_pods_back", "put_unit_back"}


@every
def test_nothing_after_the_point_of_no_return_pretends_to_be_taken_back(plan: RestorePlan) -> None:
    assert [step.name for step in plan.steps[no_return(plan) :] if step.undo] == []


@every
def test_the_point_of_no_return_is_the_first_exchange_of_data_or_of_the_list(plan: RestorePlan) -> None:
    first = plan.steps[no_return(plan)].name
    assert first == ("swap" if plan.job == "restore" else "remove-member")


@every
def test_old_data_are_only_moved(plan: RestorePlan) -> None:
    """By the only two scripts that touch them, to a place beside them, and never by one that removes."""
    for step in plan.steps:
        for command in step.commands:
            if step.script in ("swap", "put_aside", "forget_new"):
                keep, data = command.values["keep"], command.values["data_dir"]
                assert keep.startswith(f"{data}.holdfast-")


@every
def test_api_servers_stop_before_etcd_and_etcd_before_data_are_touched(plan: RestorePlan) -> None:
    names = [step.name for step in plan.steps]
    if "stop-api" in names and "stop-etcd" in names:
        assert names.index("stop-api") < names.index("stop-etcd")
    last_stop = max((number for number, step in enumerate(plan.steps) if step.script.startswith("stop_")), default=-1)
    touching = [number for number, step in enumerate(plan.steps) if step.script in _NEEDS_STOPPED]
    starting = [number for number, step in enumerate(plan.steps) if step.script in _STARTS]
    assert last_stop < min(touching)
    assert max(number for number in touching) < min(starting)


@every
def test_api_servers_start_one_by_one_after_the_data_are_compared(plan: RestorePlan) -> None:
    assert plan.step("start-api").one_by_one
    ready = [number for number, step in enumerate(plan.steps) if step.script == "etcd_ready"]
    assert max(ready) < index(plan, "start-api")
    if plan.job == "restore":
        assert index(plan, "count-keys") < index(plan, "start-api") < index(plan, "start-controllers")


@every
def test_all_new_members_get_the_same_list_token_and_file(plan: RestorePlan) -> None:
    rebuilding = [step for step in plan.steps if step.script == "rebuild"]
    assert len(rebuilding) == (1 if plan.job == "restore" else 0)
    for step in rebuilding:
        for name in ("initial_cluster", "token", "sha256", "bump"):
            assert len({command.values[name] for command in step.commands}) == 1, name
        names = [command.values["name"] for command in step.commands]
        listed = [each.partition("=")[0] for each in step.commands[0].values["initial_cluster"].split(",")]
        assert listed == names
        assert {command.node for command in step.commands} == {command.node for command in plan.step("swap").commands}


@every
def test_whatever_is_stopped_is_started_again(plan: RestorePlan) -> None:
    def pods(scripts: set[str]) -> set[tuple[str, str]]:
        lines = [
            (command.node, line)
            for step in plan.steps
            if step.script in scripts
            for command in step.commands
            for line in command.values.get("pods", command.values.get("unit", "")).splitlines()
        ]
        assert len(set(lines)) == len(lines)
        return set(lines)

    assert pods({"stop_pods", "stop_unit"}) <= pods(_STARTS)


@every
def test_manifests_wait_outside_of_the_folder_of_static_pods(plan: RestorePlan) -> None:
    for step in plan.steps:
        for command in step.commands:
            if "aside" in command.values:
                assert command.values["aside"] == f"/etc/kubernetes/holdfast-{RUN}"


@every
def test_scripts_end_before_their_steps_do(plan: RestorePlan) -> None:
    for step in plan.steps:
        for command in step.commands:
            assert int(command.values.get("limit_s", "0")) < step.timeout_s


@every
def test_what_was_fetched_does_not_stay_on_a_node(plan: RestorePlan) -> None:
    fetched = {command.node for step in plan.steps if step.grant for command in step.commands}
    assert fetched <= {command.node for command in plan.step("tidy").commands}
    for step in plan.steps:
        assert not step.grant or step.undo == "forget_new"


@every
def test_a_plan_says_nothing_that_is_secret(plan: RestorePlan) -> None:
    text = plan.model_dump_json()
    assert "X-Amz" not in text
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("mode", MODES)
def test_the_steps_of_three_stacked_nodes(mode: RestoreMode) -> None:
    files = ["fetch-bundle", "swap-files"] if mode in ("full", "new-hosts") else []
    head = [] if mode == "new-hosts" else ["stop-api", "stop-etcd"]
    joined = [
        f"{name}-{number}"
        for number in (2, 3)
        for name in ("add-learner", "join-files", "start-etcd", "promote", "etcd-ready")
    ]
    shape = Shape()
    plan = planned(shape, mode, fresh(shape) if mode == "new-hosts" else None)
    assert [step.name for step in plan.steps] == [
        *head,
        *("fetch", "rebuild"),
        *files,
        "swap",
        *(["start-kubelet"] if files else []),
        *(["put-aside"] if mode == "one-first" else []),
        *("start-etcd", "etcd-ready"),
        *(joined if mode == "one-first" else []),
        *("count-keys", "start-api", "start-controllers", "restart-kubelet"),
        *("tidy", "node-ready", "write-watch", "report"),
    ]


def test_one_first_restores_one_and_empties_the_others() -> None:
    plan = planned(Shape(), "one-first")
    assert [command.node for command in plan.step("rebuild").commands] == ["n1"]
    assert plan.step("rebuild").commands[0].values["initial_cluster"] == "etcd-1=https://10.0.0.1:2380"
    assert [command.node for command in plan.step("put-aside").commands] == ["n2", "n3"]
    assert plan.step("join-files-2").commands[0].values["initial_cluster"].count("=") == 2
    assert plan.step("join-files-3").commands[0].values["initial_cluster"].count("=") == 3
    assert [plan.step(f"promote-{number}").commands[0].node for number in (2, 3)] == ["n1", "n1"]
    assert [plan.step(name).commands[0].values["voters"] for name in ("etcd-ready", "etcd-ready-3")] == ["1", "3"]


def test_external_etcd_stops_units_and_the_api_servers_of_other_hosts() -> None:
    plan = planned(Shape(external=True))
    assert {command.node for command in plan.step("stop-api").commands} == {"n1", "n2", "n3"}
    stop = plan.step("stop-etcd")
    assert (stop.script, stop.undo) == ("stop_unit", "put_unit_back")
    assert [command.values["unit"] for command in stop.commands] == ["etcd.service"] * 3
    assert plan.step("rebuild").commands[0].values["how"] == "host"
    assert {command.node for command in plan.step("restart-kubelet").commands} == {"n1", "n2", "n3"}


def test_workers_kubelets_are_restarted_and_nothing_else_of_them() -> None:
    shape = Shape(workers=2)
    everywhere = backup(shape, bundles=[bundle(node).model_dump() for node in shape.nodes])
    plan = planned(shape, "full", chosen=everywhere)
    steps = {step.name for step in plan.steps for command in step.commands if command.node.startswith("w")}
    assert steps == {"restart-kubelet"}
    assert set(plan.bundle_keys) == {"n1", "n2", "n3"}


def test_revisions_are_raised_on_all_nodes_or_on_none() -> None:
    plan = planned(Shape())
    ahead = int(NOW.timestamp()) * REVISIONS_PER_S
    assert plan.step("rebuild").commands[0].values["bump"] == str(ahead - 9_000)
    assert plan.step("etcd-ready").commands[0].values["at"] == str(ahead)
    before = seen(Shape())
    old = {**before.facts, "n2": facts(survey(Shape(), "n2"), tool_bumps=False)}
    plan = planned(Shape(), "etcd", replace(before, facts=old))
    assert {command.values["bump"] for command in plan.step("rebuild").commands} == {""}
    assert plan.step("count-keys").commands[0].values["at"] == "9000"


def restored_to(newest: int = 0, **changes: object) -> int:
    """The revision that a cluster goes on from."""
    told = status(1, leader=0).model_copy(update={"revision": newest})
    etcd = etcd_facts(told, members=(member(1), member(2), member(3))) if newest else None
    plan = planned(Shape(), "etcd", seen(Shape(), etcd=etcd), **changes)
    return plan.revision + int(plan.step("rebuild").commands[0].values["bump"])


def test_an_older_backup_goes_on_past_what_a_restore_before_it_gave() -> None:
    """Also when nobody is left who could tell the newest revision."""
    head = backup(Shape()).manifest.database.model_dump()
    newer = backup(Shape(), database=head | {"revision": 5_000_000})
    first = restored_to(chosen=newer, now=NOW)
    written = 1_500 * 3_600
    assert restored_to(now=NOW + timedelta(hours=1)) > first + written
    far = 10**15
    assert restored_to(far) == far + BUMP


def test_a_plan_carries_what_the_backup_is_held_to() -> None:
    plan = planned(Shape())
    assert (plan.revision, plan.hash_kv, plan.compact_revision) == (9_000, 4242, -1)
    assert plan.counts == {"pods": 7, "secrets": 4, "other keys": 2}
    unread = planned(Shape(), chosen=backup(Shape(), state="sealed"))
    assert (unread.counts, unread.hash_kv) == ({}, None)


def test_a_bundle_brings_the_layout_of_its_day() -> None:
    shape = Shape(members=1)
    moved = survey(shape, "n1").model_copy(update={"static_pod_path": "/srv/pods"})
    before = RestoreSeen(surveys=(moved,), facts={"n1": facts(moved)})
    plan = planned(shape, "full", before)
    assert plan.bundle_keys == {"n1": f"prod-1/{BACKUP}/n1/bundle.tar"}
    assert plan.step("swap-files").commands[0].values["manifests"] == "/etc/kubernetes/manifests"


def test_a_node_is_asked_for_by_its_own_name_and_what_stops_pods_is_told_where_the_host_has_another() -> None:
    shape = Shape(external=True)
    names = {"n1": "n1.example", "n2": "N2", "n3": ""}
    named = tuple(survey(shape, node, node_name=names.get(node, "")) for node in shape.nodes)
    plan = planned(shape, "etcd", replace(seen(shape), surveys=named))
    ready = {command.node: command.values["node_name"] for command in plan.step("node-ready").commands}
    assert ready == {"n1": "n1.example", "n2": "N2", "n3": "n3"}
    stopped = {command.node: command.values.get("node_name") for command in plan.step("stop-api").commands}
    assert stopped == {"n1": "n1.example", "n2": None, "n3": None}
    assert all("node_name" not in command.values for command in plan.step("start-controllers").commands)
    before = survey(shape, "n1", node_name="n1.before", kubelet_files=("/var/lib/kubelet/pki/x.pem",))
    then = restored(survey(shape, "n1"), before)
    assert (then.node_name, then.kubelet_files) == (before.node_name, before.kubelet_files)


def test_other_static_pods_go_on() -> None:
    shape = Shape(members=1)
    told = facts(survey(shape, "n1"))
    vip = told.pods[0].model_copy(update={"container": "kube-vip", "path": "/etc/kubernetes/manifests/kube-vip.yaml"})
    before = RestoreSeen(
        surveys=(survey(shape, "n1"),), facts={"n1": told.model_copy(update={"pods": (*told.pods, vip)})}
    )
    assert "kube-vip" not in planned(shape, "etcd", before).model_dump_json()


def test_a_replacement_asks_a_sound_follower_and_names_all_members() -> None:
    plan = replaced(Shape())
    remove = plan.step("remove-member").commands[0]
    assert (remove.node, remove.values["member_id"], remove.values["name"]) == ("n2", "a3", "etcd-3")
    join = plan.step("join-files").commands[0]
    assert (join.node, join.values["initial_cluster"].count("etcd-")) == ("n3", 3)
    assert "2 of 3 voters healthy, 2 needed" in plan.step("remove-member").title
    assert "2 of 2 voters healthy, 2 needed" in plan.step("add-learner").title
    assert "3 of 3 voters healthy, 2 needed" in plan.step("promote").title
    assert {command.node for command in plan.step("stop-etcd").commands} == {"n3"}
    assert {command.node for command in plan.step("etcd-ready").commands} == {"n1", "n2", "n3"}


def test_a_lost_host_gets_its_files_back_before_it_joins() -> None:
    plan = replaced(Shape(), lost_files=True)
    names = [step.name for step in plan.steps]
    assert names[:3] == ["fetch-bundle", "swap-files", "remove-member"]
    assert names.index("start-kubelet") < names.index("start-etcd")
    assert "etcd /etc/kubernetes/manifests/etcd.yaml" in plan.step("start-etcd").commands[0].values["pods"]


def test_restored_keeps_todays_tools_and_disks() -> None:
    shape = Shape(members=1)
    today = survey(shape, "n1", topology="none", etcd=None, data_free=5)
    assert restored(today, survey(shape, "n1")) == survey(shape, "n1", data_free=5)
