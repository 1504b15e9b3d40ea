"""The plans of a restore of OpenShift: two procedures of the vendor over shared steps, one for a single host, and the
one that needs no backup."""

from pathlib import Path

import pytest

from builders import openshift_shapes as shapes
from builders.openshift_shapes import ERAS, FIRST, MIDDLE, NEWEST, SINGLE, Era
from builders.restore_shapes import BACKUP, NOW, RUN
from holdfast import node
from holdfast.cli.plan_view import plan_view
from holdfast.cli.render import console, say
from holdfast.errors import RefusedError
from holdfast.models.openshift import OpenShiftView
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.models.restore_reports import REPORTS
from holdfast.planning.planners import planner_of
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"


def planned(
    era: Era,
    before: RestoreSeen | None = None,
    request: ChangeRequest | None = None,
    backup: ChosenBackup | None = None,
) -> RestorePlan:
    """As the engine does it; nobody of etcd and no API answers, unless told otherwise."""
    planner, spec = planner_of("openshift"), shapes.spec(era)
    asked, there = request or shapes.request(allow=["quorum_restore_instead"]), before or shapes.seen(era)
    chosen = (backup or shapes.backup(era)) if asked.backup else None
    findings = planner.findings(spec, there, chosen, asked, NOW)
    return planner.plan(spec, there, chosen, asked, run_id=RUN, emergency=None, findings=findings, now=NOW)


def quorum_plan(era: Era = NEWEST, before: RestoreSeen | None = None) -> RestorePlan:
    return planned(era, before or shapes.seen(era, 2, without=("m1", "m3")), shapes.quorum())


ALL = {
    **{f"{era.version}": planned(era) for era in ERAS},
    "single": planned(SINGLE),
    "quorum": quorum_plan(),
}
every = pytest.mark.parametrize("plan", ALL.values(), ids=ALL.keys())
FINISHED = ("tidy", "last-csrs-client", "last-csrs-serving", "members-settled", "nodes-ready", "pods-back", "report")


def names(plan: RestorePlan) -> list[str]:
    return [step.name for step in plan.steps]


def test_up_to_4_17_all_pods_stop_on_the_others_and_four_components_roll_out() -> None:
    assert names(planned(MIDDLE)) == [
        *("check-hosts", "fetch", "fetch-bundle", "save-old"),
        *("stop-etcd", "stop-api", "stop-controllers", "put-data-aside"),
        "cluster-restore",
        *("restart-kubelets", "etcd-alone", "api-back", "csrs-client", "csrs-serving", "guard-off"),
        *("redeploy-etcd", "redeploy-kubeapiserver", "redeploy-kubecontrollermanager", "redeploy-kubescheduler"),
        *("wait-stable", "guard-on", *FINISHED),
    ]


def test_from_4_18_on_etcd_alone_stops_and_the_operator_brings_it_back() -> None:
    assert names(planned(NEWEST)) == [
        *("check-hosts", "fetch", "fetch-bundle", "save-old", "disable-etcd"),
        "cluster-restore",
        *("etcd-alone", "api-back", "csrs-client", "csrs-serving", "guard-off", "wait-stable", "guard-on"),
        *FINISHED,
    ]


def test_a_single_host_has_nothing_to_stop_and_nothing_to_bring_back() -> None:
    assert names(planned(SINGLE)) == [
        *("check-hosts", "fetch", "fetch-bundle", "save-old", "cluster-restore"),
        *("etcd-alone", "api-back", "csrs-client", "csrs-serving", "wait-stable", *FINISHED),
    ]


def test_a_quorum_restore_needs_one_host_and_no_backup() -> None:
    plan = quorum_plan()
    assert names(plan) == [
        *("check-hosts", "stop-etcd", "copy-data", "quorum-restore"),
        *("etcd-alone", "api-back", "csrs-client", "csrs-serving", "nodes-ready", "pods-back", "report"),
    ]
    assert {command.node for step in plan.steps for command in step.commands} == {"m2"}
    assert (plan.job, plan.backup_id, plan.mode, plan.backup_after) == ("restore-quorum", None, None, True)


@pytest.mark.parametrize(("version", "guarded"), [("4.4.10", False), ("4.5.3", True), ("4.18.12", True)])
def test_the_guard_is_turned_off_where_the_release_has_one(version: str, guarded: bool) -> None:
    assert ("guard-off" in names(ALL[version])) is guarded
    assert ("guard-on" in names(ALL[version])) is guarded


def test_two_nodes_that_fence_each_other_keep_their_guard() -> None:
    era = Era("4.20.1", "4.18", "3.5.21", hosts=2, topology="DualReplica")
    assert "guard-off" not in names(planned(era, shapes.seen(era, api=True)))


def test_without_any_version_the_scripts_tell_whether_there_is_a_guard() -> None:
    old = shapes.backup(FIRST, source=shapes.backup(FIRST).manifest.source.model_copy(update={"platform_version": ""}))
    assert "guard-off" not in names(planned(FIRST, backup=old))


@every
def test_the_first_step_that_cannot_be_taken_back_is_the_vendors_script(plan: RestorePlan) -> None:
    first = next(step for step in plan.steps if step.no_return)
    assert first.name == ("cluster-restore" if plan.job == "restore" else "quorum-restore")
    before, after = plan.steps[: plan.steps.index(first)], plan.steps[plan.steps.index(first) :]
    assert [step.name for step in before if not step.undo] == ["check-hosts"]
    assert [step.name for step in after if step.undo] == []
    assert [step.phase for step in before] == ["Shutdown"] * len(before)


@every
def test_everything_is_proven_and_fetched_before_anything_stops(plan: RestorePlan) -> None:
    stops = [number for number, step in enumerate(plan.steps) if step.name.startswith(("stop-", "disable-"))]
    proven = [number for number, step in enumerate(plan.steps) if step.grant or step.name == "check-hosts"]
    assert max(proven) < min([*stops, len(plan.steps)])
    reached = {command.node for command in plan.step("check-hosts").commands}
    assert reached == {command.node for step in plan.steps for command in step.commands}


@every
def test_every_script_has_the_variables_of_its_header_and_its_report(plan: RestorePlan) -> None:
    from builders.restore_node import variables

    for step in plan.steps:
        for script in filter(None, (step.script, step.undo)):
            assert script in REPORTS
            needed, secret = variables(script)
            for command in () if step.rounds else step.commands:
                lacking = {each for each in needed if each not in command.values} - {"pod_namespace"}
                assert lacking == set(), (step.name, script)
            assert set(secret) == ({f"{step.grant}_url"} if step.grant and script == step.script else set())
            assert node.change(script)


@every
def test_scripts_end_before_their_steps_do(plan: RestorePlan) -> None:
    for step in plan.steps:
        for command in step.commands:
            assert int(command.values.get("limit_s", "0")) < step.timeout_s


@every
def test_the_pair_has_a_directory_of_its_own_and_goes_in_the_end(plan: RestorePlan) -> None:
    if plan.job == "restore":
        values = plan.step("cluster-restore").commands[0].values
        assert values["stage"] == f"/home/core/holdfast-{RUN}"
        assert values["snapshot"] == "snapshot_2026-11-20_154300.db"
        assert values["bundle"] == "static_kuberesources_2026-11-20_154300.tar.gz"
        assert plan.step("tidy").commands[0].values["stage"] == values["stage"]
        assert plan.bundle_keys == {"m1": f"prod-1/{BACKUP}/m1/bundle.tar"}


@every
def test_old_data_go_where_a_restart_leaves_them(plan: RestorePlan) -> None:
    kept = {command.values["keep"] for step in plan.steps for command in step.commands if "keep" in command.values}
    assert kept == {f"/var/lib/holdfast-old/{RUN}"}


def test_the_recovery_host_is_the_one_of_the_backup_or_the_next_that_answers() -> None:
    assert planned(NEWEST).step("cluster-restore").commands[0].node == "m1"
    away = shapes.seen(NEWEST, without=("m1",))
    plan = planned(NEWEST, away)
    assert plan.step("cluster-restore").commands[0].node == "m2"
    assert list(plan.bundle_keys) == ["m2"]


def test_a_quorum_restore_takes_the_host_that_is_furthest() -> None:
    behind = shapes.host(NEWEST, raft_index=4_000)
    furthest = shapes.host(NEWEST, raft_index=6_000)
    plan = quorum_plan(before=shapes.seen(NEWEST, m1=behind, m2=behind, m3=furthest))
    assert plan.step("quorum-restore").commands[0].node == "m3"
    empty = shapes.host(NEWEST, raft_index=9_000, data_entries=())
    plan = quorum_plan(before=shapes.seen(NEWEST, m1=behind, m2=empty, m3=behind))
    assert plan.step("quorum-restore").commands[0].node == "m1"


def test_the_old_cluster_is_known_by_its_id_where_anybody_told_it() -> None:
    plan = planned(NEWEST, shapes.seen(NEWEST, 1))
    assert plan.step("etcd-alone").commands[0].values["old_cluster"] == "c1"
    assert planned(NEWEST).step("etcd-alone").commands[0].values["old_cluster"] == ""


@pytest.mark.parametrize("era", [FIRST, NEWEST], ids=lambda era: era.version)
def test_without_a_pair_or_a_host_there_is_nothing_to_plan(era: Era) -> None:
    with pytest.raises(RefusedError) as refused:
        planned(era, backup=shapes.backup(era, bundles=()))
    assert refused.value.code == "bundle_missing"
    bare = shapes.survey(era, "m1", openshift=OpenShiftView(host=shapes.host(era, generation=None, scripts=())))
    with pytest.raises(RefusedError) as refused:
        planned(era, RestoreSeen(surveys=(bare,), facts={}))
    assert refused.value.code == "node_unreachable"


def test_what_has_no_procedure_is_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        quorum_plan(FIRST, shapes.seen(FIRST, 1))
    assert refused.value.code == "quorum_no_data"


def test_with_commands_every_function_that_a_script_calls_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    screen = console()
    for part in plan_view(planned(NEWEST), commands=True):
        say(screen, part)
    shown = capsys.readouterr().out
    for function in ("need_one_pair()", "run_vendor()", "guard_is()", "ask_oc()", "stopped_by()", "download()"):
        assert function in shown


@pytest.mark.parametrize(("era", "name"), [(FIRST, "4.4"), (NEWEST, "4.18")], ids=["4.4", "4.18"])
def test_a_plan_is_shown_as_it_was(era: Era, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The golden files are what `holdfast restore plan` prints for a cluster that is down; docs/drivers/openshift.md
    traces each command in them to a fact of the vendor's."""
    screen = console()
    for part in plan_view(planned(era)):
        say(screen, part)
    shown = "".join(f"{line.rstrip()}\n" for line in capsys.readouterr().out.splitlines())
    # Of the plan's whole JSON, so of fields that no person is shown.
    shown = shown.replace(planned(era).digest, "<SHA-256 of the plan>")
    assert shown == (GOLDEN / f"restore-plan-openshift-{name}.txt").read_text()
