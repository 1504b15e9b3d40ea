"""Every sample event is what its function takes, and does what its name says."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from builders.services import MemoryServices, services_with
from builders.specs import cluster_spec
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, PermanentError
from holdfast.handler import settings
from holdfast.models.restore import ChangeRequest
from holdfast.models.run import BackupRequest, BackupState
from template.handlers import REACHING, USES, Watched, event_type_of, invoke, sample
from template.stack import ROOT

EVENTS = sorted((ROOT / "events").iterdir())
CLUSTER = "lab-a"
CHAIN = (
    "backup_started",
    "backup_snapshot",
    "backup_seal",
    "backup_verify",
    "backup_lock",
    "backup_retain",
    "backup_finished",
)

# The event, the code that its outcome must carry, and whether the sample's run holds the lease before.
ENDINGS = [
    ("backup_failed-not-started", "cluster_unknown", False),
    ("backup_failed-lease-held", "lease_held", True),
    ("backup_failed-snapshot-transient", "etcd_unavailable", True),
    ("backup_failed-function-killed", "function_killed", True),
    ("backup_failed-task-timeout", "phase_timeout", True),
    ("backup_stopped-aborted", "run_aborted", True),
    ("backup_stopped-failed", "input_too_large", False),
    ("backup_stopped-timed-out", "run_timeout", False),
]


@pytest.fixture
def services() -> MemoryServices:
    return services_with(cluster_spec(CLUSTER))


def watched(name: str, event: dict[str, Any], services: MemoryServices) -> tuple[Any, set[str]]:
    watch = Watched(services)
    return invoke(name, event, cast("Services", watch)), watch.asked


def run_through(services: MemoryServices, until: str = "backup_finished") -> dict[str, tuple[Any, set[str]]]:
    """The samples of one scheduled run in the order of the states. Only what Snapshot returned and the hash of the plan
    cannot be samples."""
    answers: dict[str, tuple[Any, set[str]]] = {}
    for name in CHAIN[: CHAIN.index(until) + 1]:
        event = sample(f"{name}-schedule")
        if "state" in event:
            event["state"]["plan_sha256"] = answers["backup_started"][0].plan_sha256
        if name == "backup_seal":
            event["state"]["snapshot"] = answers["backup_snapshot"][0].snapshot.model_dump(mode="json")
        answers[name] = watched(name, event, services)
    return answers


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.name)
def test_a_sample_event_is_what_its_function_expects(path: Path) -> None:
    """Named <function>-<case>.json; `console-…` is what a person types into the console's Start execution."""
    match = re.fullmatch(r"([a-z_]+)-([a-z0-9-]+)\.json", path.name)
    assert match, "not named <function>-<case>.json"
    typed = BackupRequest if match[2] == "backup" else ChangeRequest
    expected = typed if match[1] == "console" else event_type_of(match[1])
    expected.model_validate(json.loads(path.read_text()))


def test_every_function_has_a_sample_event() -> None:
    assert {path.name.partition("-")[0] for path in EVENTS} == {*USES, "console"}


@pytest.mark.parametrize("name", sorted(USES))
def test_an_event_of_another_kind_is_not_taken_for_a_functions_own(name: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        event_type_of(name).model_validate({"hello": "world"})


def test_the_samples_of_a_run_make_a_verified_backup(services: MemoryServices) -> None:
    answers = run_through(services)
    told = sample("backup_snapshot-schedule")["state"] | {"plan_sha256": answers["backup_started"][0].plan_sha256}
    assert answers["backup_started"][0] == BackupState.model_validate(told)
    assert answers["backup_finished"][0].status == "succeeded"
    assert services.notifier.outcomes == [answers["backup_finished"][0]]


def test_the_sample_of_a_schedule_starts_the_run_of_the_other_samples(services: MemoryServices) -> None:
    event = sample("start_backup-schedule")
    first, asked = watched("start_backup", event, services)
    second, _ = watched("start_backup", event, services)
    assert (first.new, second.new) == (True, False)
    assert first.run_id == sample("backup_started-schedule")["run_id"]
    assert json.loads(services.executions.payloads[first.run_id]) == sample("backup_started-schedule")["input"]
    assert asked - {"clock"} == USES["start_backup"]


def test_the_sample_of_a_watch_starts_the_run_of_the_sample_that_looks_and_makes_no_backup(
    services: MemoryServices,
) -> None:
    first, _ = watched("start_backup", sample("start_backup-version-watch"), services)
    event = sample("backup_started-version-watch")
    assert first.run_id == event["run_id"]
    assert json.loads(services.executions.payloads[first.run_id]) == event["input"]
    state, asked = watched("backup_started", event, services)
    assert "no host's API server" in state.skipped
    assert asked <= USES["backup_started"] | {"clock", "etcd"}
    assert services.runs.list(CLUSTER, 10) == []


def test_a_run_from_the_console_needs_only_the_clusters_id(services: MemoryServices) -> None:
    event = sample("backup_started-console")
    assert event["input"] == sample("console-backup")
    state, _ = watched("backup_started", event, services)
    assert (state.run.cluster_id, state.run.kind) == (CLUSTER, "manual")


def test_an_input_that_is_no_object_is_refused_in_words(services: MemoryServices) -> None:
    with pytest.raises(HoldfastError, match="input_invalid"):
        watched("backup_started", sample("backup_started-console-text"), services)


@pytest.mark.parametrize(("name", "code", "leased"), ENDINGS)
def test_a_run_that_went_wrong_is_told_and_gives_its_lease_back(
    services: MemoryServices, name: str, code: str, leased: bool
) -> None:
    if leased:
        run_through(services, until="backup_snapshot")
    outcome, asked = watched(name.partition("-")[0], sample(name), services)
    assert outcome.error.code == code
    assert services.notifier.outcomes == [outcome]
    assert asked <= USES[name.partition("-")[0]] | {"clock"}
    services.leases.acquire(CLUSTER, "the next run", now=services.clock(), expires_at=services.clock())


def test_each_function_asks_for_the_services_that_are_listed(services: MemoryServices) -> None:
    """What the tests of environments and roles rest on."""
    asked = {name: seen for name, (_, seen) in run_through(services).items()}
    for name in ("backup_failed", "backup_stopped"):
        asked[name] = set().union(
            *(watched(name, sample(case), services)[1] for case, _, _ in ENDINGS if case.startswith(name))
        )
    asked["backup_started"] |= watched("backup_started", sample("backup_started-version-watch"), services)[1]
    for name, seen in asked.items():
        assert seen - {"clock", "etcd"} <= USES[name], name
    assert asked["backup_started"] - {"clock", "etcd"} == USES["backup_started"]


def test_a_look_at_freshness_writes_metrics_tells_once_and_asks_for_what_is_listed(
    services: MemoryServices, capsys: pytest.CaptureFixture[str]
) -> None:
    first, asked = watched("check_freshness", sample("check_freshness-rule"), services)
    assert (first.checked, first.late, first.told) == (1, 1, True)
    assert asked - {"clock"} == USES["check_freshness"]
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["Stack"], each["ClustersStale"]) for each in documents] == [("holdfast", 1)]
    again, _ = watched("check_freshness", sample("check_freshness-rule"), services)
    assert again.told is False

    run_through(services)
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "BackupBytes" in line]
    assert [each["ClusterId"] for each in written] == [CLUSTER]
    third, _ = watched("check_freshness", sample("check_freshness-rule"), services)
    assert (third.late, third.told) == (0, True)
    assert [change.cleared for change in services.notifier.freshness] == [(), (CLUSTER,)]


def test_a_topic_that_does_not_work_costs_no_metric(
    services: MemoryServices, capsys: pytest.CaptureFixture[str]
) -> None:
    services.notifier.fail("publish_freshness", PermanentError("notify_access_denied", "no"))
    with pytest.raises(PermanentError, match="notify_access_denied"):
        watched("check_freshness", sample("check_freshness-rule"), services)
    assert '"ClustersStale": 1' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "case", "told"),
    [
        ("notify_slack", "alarm", "BackupStaleAlarm"),
        ("notify_slack", "freshness", "lab-a: stale"),
        ("notify_webhook", "outcome", '"code": "etcd_unreachable"'),
    ],
)
def test_what_the_topic_says_goes_on(
    services: MemoryServices, monkeypatch: pytest.MonkeyPatch, name: str, case: str, told: str
) -> None:
    monkeypatch.setenv("HOLDFAST_NOTIFY_SECRET", "holdfast-notify/x")
    services.credentials.put("holdfast-notify/x", '{"url": "https://hooks.example/a"}')
    settings.cache_clear()
    _, asked = watched(name, sample(f"{name}-{case}"), services)
    settings.cache_clear()
    ((_, body, _),) = services.postman.sent
    assert told in body.decode()
    assert asked - REACHING == USES[name]
