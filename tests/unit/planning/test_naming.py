"""Names of backups and runs sort by time, come out the same twice, and are never mistaken for another's."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidInputError
from holdfast.planning.naming import (
    backup_id,
    backup_id_of_run,
    backup_key,
    cluster_of_run,
    parse_backup_id,
    run_id,
    scheduled_run_id,
    split_backup_key,
)

NOW = datetime(2026, 11, 20, 15, 43, 0, tzinfo=UTC)
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_an_id_has_no_colon_and_says_when_and_how() -> None:
    made = backup_id(NOW, "recurring", "seed")
    assert made.startswith("20261120T154300Z-r-")
    assert ":" not in made
    assert parse_backup_id(made) == (NOW, "recurring")


@given(first=moments, second=moments)
def test_ids_sort_by_time(first: datetime, second: datetime) -> None:
    if first.replace(microsecond=0) < second.replace(microsecond=0):
        assert backup_id(first, "manual", "b") < backup_id(second, "manual", "a")


def test_one_schedule_event_has_one_name_in_every_time_zone() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    assert scheduled_run_id("prod", NOW) == scheduled_run_id("prod", elsewhere)


def test_two_clusters_and_two_times_never_share_a_name() -> None:
    names = {scheduled_run_id(cluster, NOW + timedelta(minutes=m)) for cluster in ("a", "b") for m in (0, 1)}
    assert len(names) == 4


def test_the_longest_cluster_id_still_fits_an_execution_name() -> None:
    assert len(scheduled_run_id("c" * 48, NOW)) <= 80


def test_a_run_carries_the_id_of_its_backup() -> None:
    made = backup_id(NOW, "manual", "x")
    assert backup_id_of_run("prod", run_id("prod", made), NOW + timedelta(hours=1), "manual") == made


def test_a_run_named_by_the_console_gets_an_id_of_its_own_and_always_the_same() -> None:
    name = "5f1c2d7e-0000-4000-8000-123456789abc"
    assert backup_id_of_run("prod", name, NOW, "manual") == backup_id_of_run("prod", name, NOW, "manual")
    assert backup_id_of_run("prod", name, NOW, "manual").startswith("20261120T154300Z-m-")


def test_a_run_of_a_cluster_whose_id_begins_alike_is_not_mistaken() -> None:
    made = backup_id(NOW, "manual", "x")
    assert backup_id_of_run("prod", run_id("prod-eu", made), NOW, "manual") != made


def test_an_execution_that_somebody_named_like_a_backup_does_not_get_that_backups_id() -> None:
    taken = backup_id(NOW, "recurring", "x")
    assert backup_id_of_run("prod", taken, NOW, "manual") != taken


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "20261120T154300Z-x-1a2b3c",
        "20261399T154300Z-r-1a2b3c",
        "../../etc",
        "20261120T154300Z-r-1a2b3c\n",
    ],
)
def test_what_is_no_backup_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        parse_backup_id(text)
    assert raised.value.code == "backup_id_invalid"


def test_keys_split_into_what_they_were_made_of() -> None:
    made = backup_id(NOW, "manual", "x")
    assert split_backup_key(backup_key("prod", made, "manifest.json")) == ("prod", made, "manifest.json")


@pytest.mark.parametrize(
    "key", ["prod/runs/some-run/plan.json", "prod/readme.txt", "prod/20261399T154300Z-r-1a2b3c/manifest.json", ""]
)
def test_other_keys_are_not_taken_for_backups(key: str) -> None:
    assert split_backup_key(key) is None


def test_a_run_tells_its_cluster_when_its_name_was_made_here() -> None:
    assert cluster_of_run(scheduled_run_id("prod-eu-1", NOW)) == "prod-eu-1"


@pytest.mark.parametrize(
    "name", ["", "my-run", "20261120T154300Z-r-1a2b3c", "-20261120T154300Z-r-1a2b3c", "prod_20261120T154300Z-r-1a2b3c"]
)
def test_a_name_that_somebody_typed_tells_no_cluster(name: str) -> None:
    assert cluster_of_run(name) is None
