"""The rule of a cluster as it is written, stored and said, and the digest of what goes."""

import pytest
from pydantic import ValidationError

from holdfast.models.retention import RetentionPlan, RetentionSpec, Verdict
from holdfast.planning.retention_words import keeps, sentence


@pytest.mark.parametrize("given", [{}, {"keep_at_least": 5}, {"unverified_days": 1, "manual": {"keep_days": 9}}])
def test_a_cluster_that_names_no_number_keeps_the_newest_thirty(given: dict[str, object]) -> None:
    assert RetentionSpec.model_validate(given).numbers == {"last": 30}


def test_a_number_that_is_named_stands_alone() -> None:
    assert RetentionSpec.model_validate({"keep_daily": 7}).numbers == {"daily": 7}


@pytest.mark.parametrize("given", [{"keep_last": 0}, {"manual": {}}, {"keep_at_least": 0}, {"keep_days": -1}])
def test_a_rule_that_keeps_nothing_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetentionSpec.model_validate(given)


def test_a_spec_is_read_back_as_it_was_stored() -> None:
    spec = RetentionSpec.model_validate({"keep_daily": 7, "manual": {"keep_days": 9}, "keep_at_least": 2})
    assert RetentionSpec.model_validate_json(spec.model_dump_json()) == spec


def test_it_is_said_in_words() -> None:
    spec = RetentionSpec.model_validate({"keep_last": 5, "keep_daily": 7, "manual": {"keep_days": 90}})
    assert keeps(spec) == "the newest 5, 7 daily; manual: 90 days"
    assert sentence(spec) == (
        "of recurring verified backups the newest 5, 7 daily; of manual ones 90 days;"
        " of either the newest 3 in any case; what is not verified for 7 days"
    )
    assert "of manual ones as many" in sentence(RetentionSpec())


def verdict(number: int, *, keep: bool, size: int = 10) -> Verdict:
    backup = f"2026112{number}T000000Z-r-000000"
    return Verdict(backup_id=backup, kind="recurring", state="verified", size=size, keep=keep, reason="so")


def test_the_digest_is_over_what_goes_and_where_and_nothing_else() -> None:
    plan = RetentionPlan(cluster_id="prod", verdicts=(verdict(2, keep=True), verdict(1, keep=False)))
    more_stays = plan.model_copy(update={"verdicts": (verdict(3, keep=True), *plan.verdicts)})
    assert more_stays.digest == plan.digest
    others = (
        {"cluster_id": "prod-2"},
        {"orphans": ("20261120T000000Z-r-000000",)},
        {"verdicts": (verdict(2, keep=False), verdict(1, keep=False))},
        {"verdicts": (verdict(1, keep=False).model_copy(update={"state": "damaged"}),)},
    )
    assert len({plan.digest, *(plan.model_copy(update=each).digest for each in others)}) == 5


def test_what_goes_goes_oldest_first_and_its_bytes_are_added_up() -> None:
    plan = RetentionPlan(
        cluster_id="prod",
        verdicts=(verdict(3, keep=False, size=1), verdict(2, keep=True), verdict(1, keep=False, size=4)),
    )
    assert [each.backup_id[7] for each in plan.removals] == ["1", "3"]
    assert plan.freed == 5
