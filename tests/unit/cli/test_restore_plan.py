"""`holdfast restore plan`: the dry run over doubles of nodes, and what a plan looks like."""

import io

import pytest
from rich.console import Console

from builders.changes import restore_plan
from builders.command_line import Ended, holdfast
from builders.doubled_restores import restorable
from builders.services import MemoryServices
from holdfast.cli.plan_view import NO_RETURN, plan_view, scripts_of
from holdfast.cli.render import say


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def planned(services: MemoryServices, backup: str, *more: str) -> Ended:
    return holdfast("restore", "plan", "prod-1", backup, *more, services=services)


def objects(services: MemoryServices) -> set[str]:
    return {*services.bucket.objects, *services.secrets.objects}


def test_a_dry_run_shows_every_step_and_touches_nothing() -> None:
    services, _, backup = restorable()
    before = objects(services)
    ended = planned(services, "latest", "--allow", "cluster_healthy")
    assert ended.code == 0, ended.stdout + ended.stderr
    assert f"restore prod-1 from {backup}, mode etcd" in ended.stdout
    assert "n1, n2, n3: stop_pods aside=/etc/kubernetes/holdfast-prod-1-" in ended.stdout
    marks = [ended.stdout.index(text) for text in ("stop-api", "rebuild", NO_RETURN, "swap ", "start-etcd", "digest ")]
    assert marks == sorted(marks)
    assert ended.stdout.count(NO_RETURN) == 1
    assert "       n2: name=n2 peer_urls=https://10.78.0.12:2380\n" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("a dry run: nothing was done")
    assert (objects(services), services.changes.payloads) == (before, {})
    assert services.leases.holder("prod-1") is None


def test_a_healthy_cluster_is_refused_with_the_hint_to_allow_it() -> None:
    services, _, backup = restorable()
    ended = planned(services, backup)
    assert ended.code == 3
    assert "refused" in ended.stdout
    assert "cluster_healthy" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "it would be refused: cluster_healthy"


def test_a_refusal_in_json_has_the_plan_the_findings_and_exit_code_3() -> None:
    services, _, backup = restorable()
    ended = planned(services, backup, "-o", "json")
    assert (ended.code, ended.value["refused"], ended.value["scripts"]) == (3, True, None)
    assert "cluster_healthy" in [each["code"] for each in ended.value["plan"]["findings"]]
    assert len(ended.value["digest"]) == 64


def test_commands_adds_the_full_text_of_every_script() -> None:
    services, _, backup = restorable()
    ended = planned(services, backup, "--allow", "cluster_healthy", "--commands", "-o", "json")
    scripts = ended.value["scripts"]
    assert {step["script"] for step in ended.value["plan"]["steps"] if step["script"]} <= set(scripts)
    assert "give_up" in scripts["swap"]
    shown = planned(services, backup, "--allow", "cluster_healthy", "--commands").stdout
    assert "Functions that the scripts share" in shown


def test_an_unknown_backup_cluster_or_mode_is_an_error() -> None:
    services, _, backup = restorable()
    assert "backup_unknown" in planned(services, "20200101T000000Z-m-000000").stderr
    assert planned(services, backup, "--mode", "everything").code == 2
    assert "cluster_unknown" in holdfast("restore", "plan", "other", backup, services=services).stderr


def lines_of_the_plan() -> list[str]:
    written = io.StringIO()
    screen = Console(file=written, width=400, highlight=False, markup=False)
    for part in plan_view(restore_plan()):
        say(screen, part)
    return written.getvalue().splitlines()


def test_values_are_quoted_secrets_are_only_named_and_undo_is_told() -> None:
    text = "\n".join(lines_of_the_plan())
    assert "n1, n2, n3: fetch data_dir=/var/lib/etcd limit_s=300 snapshot_url=<presigned when the step starts" in text
    assert "undone by put_pods_back" in text
    assert "one node after the other" in text
    assert "not undone" in text
    assert "by Holdfast itself, on no node" in text
    assert "on all at once; done when stop-api is over" in text


def test_scripts_are_those_of_the_plan_and_what_takes_them_back() -> None:
    assert set(scripts_of(restore_plan())) == {"stop_pods", "put_pods_back", "fetch", "forget_new", "swap", "start_api"}
