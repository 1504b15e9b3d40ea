"""What nodes have to agree on, and with the backup."""

from typing import Any

import pytest

from builders.restore_shapes import (
    NOW,
    RUN,
    Shape,
    backup,
    facts,
    one_down,
    replacement,
    request,
    seen,
    spec,
    survey,
)
from holdfast.errors import PermanentError
from holdfast.models.restore import RestorePlan
from holdfast.planning.agreement import check
from holdfast.planning.replace_plan import plan_replacement
from holdfast.planning.restore_plan import REVISIONS_PER_S, plan_restore
from holdfast.planning.restore_seen import RestoreSeen

SHAPE = Shape(members=2)


def plan(*, bumps: bool) -> RestorePlan:
    surveys = tuple(survey(SHAPE, node) for node in SHAPE.nodes)
    before = RestoreSeen(surveys=surveys, facts={each.node: facts(each, tool_bumps=bumps) for each in surveys})
    return plan_restore(
        spec(SHAPE),
        before,
        backup(SHAPE),
        request(),
        run_id=RUN,
        token="t",
        emergency=None,
        findings=(),
        now=NOW,
    )


def refused(name: str, step: str, one: dict[str, Any], other: dict[str, Any], of: RestorePlan) -> str:
    """The code, "" when they agree."""
    try:
        check(name, of.step(step), {"n1": one, "n2": other}, of)
    except PermanentError as error:
        return error.code
    return ""


BUMPED = int(NOW.timestamp()) * REVISIONS_PER_S - 9_000
MADE = {"members": ["a1", "b2"], "bumped": BUMPED, "tool": "etcdutl 3.5.21"}
PLAIN = MADE | {"bumped": 0}


@pytest.mark.parametrize(
    ("one", "other", "bumps", "code"),
    [
        (MADE, MADE, True, ""),
        (MADE, MADE | {"members": ["b2", "a1"]}, True, ""),
        (MADE, MADE | {"members": ["a1", "b3"]}, True, "members_differ"),
        (MADE, PLAIN, True, "members_differ"),
        (PLAIN, PLAIN, True, "members_differ"),
        (PLAIN, PLAIN, False, ""),
        (MADE, MADE, False, "members_differ"),
    ],
)
def test_all_nodes_make_the_same_members_with_the_revision_that_was_asked_for(
    one: dict[str, Any], other: dict[str, Any], bumps: bool, code: str
) -> None:
    assert refused("same-members", "rebuild", one, other, plan(bumps=bumps)) == code


AT = {"at": 9_000, "revision": 9_000, "hash": 4242, "compact_revision": 0}
NOW_THERE = AT | {"at": 0}


@pytest.mark.parametrize(
    ("one", "other", "bumps", "code"),
    [
        (AT, AT, False, ""),
        (AT, AT | {"revision": 9_003}, False, ""),
        (AT, AT | {"hash": 1}, False, "hash_differs"),
        (AT, AT | {"hash": 1, "revision": 9_003}, False, "hash_differs"),
        (AT | {"hash": 1}, AT | {"hash": 1}, False, "hash_differs"),
        (AT | {"hash": 1}, AT | {"hash": 1}, True, ""),
        (AT, AT | {"hash": 1}, True, "hash_differs"),
        (AT, AT | {"compact_revision": 8_000}, False, "hash_not_compared"),
        (NOW_THERE, NOW_THERE, True, ""),
        (NOW_THERE, NOW_THERE | {"hash": 1}, True, "hash_differs"),
        (NOW_THERE, NOW_THERE | {"hash": 1, "revision": 9_003}, True, "hash_not_compared"),
        (NOW_THERE, AT | {"at": 8_999}, True, "hash_not_compared"),
    ],
)
def test_all_members_have_the_same_data_and_without_a_bump_the_backups(
    one: dict[str, Any], other: dict[str, Any], bumps: bool, code: str
) -> None:
    assert refused("same-hash", "etcd-ready", one, other, plan(bumps=bumps)) == code


def test_members_that_are_written_to_compare_where_each_asked_the_others_for_its_own_revision() -> None:
    """A replacement's plan has no revision, and its cluster never stands still."""
    shape = Shape()
    made = plan_replacement(
        spec(shape), one_down(shape), "n3", replacement(), run_id=RUN, emergency=None, findings=(), now=NOW
    )
    step = made.step("etcd-ready")
    reports = {
        "n1": NOW_THERE | {"alike": 3},
        "n2": NOW_THERE | {"alike": 3, "revision": 9_001, "hash": 7},
        "n3": NOW_THERE | {"alike": 3, "revision": 9_002, "hash": 8},
    }
    check("same-hash", step, reports, made)
    for one, code in (
        ({"alike": 2}, "hash_not_compared"),
        ({"alike": 0}, "hash_not_compared"),
        ({"revision": 9_001, "hash": 9}, "hash_differs"),
    ):
        with pytest.raises(PermanentError) as caught:
            check("same-hash", step, reports | {"n1": reports["n1"] | one}, made)
        assert caught.value.code == code


def test_there_are_as_many_objects_as_in_the_backup() -> None:
    made = plan(bumps=False)
    step = made.step("count-keys")
    counted = {"revision": 9_000, "keys": 13, "other": 2, "resources": {"pods": 7, "secrets": 4}}
    check("same-counts", step, {"n1": counted}, made)
    for resources in ({"pods": 7}, {"pods": 8, "secrets": 4}, {"pods": 7, "secrets": 4, "more": 1}):
        with pytest.raises(PermanentError) as caught:
            check("same-counts", step, {"n1": counted | {"resources": resources}}, made)
        assert caught.value.code == "counts_differ"
    with pytest.raises(PermanentError):
        check("same-counts", step, {"n1": counted | {"other": 3}}, made)


def test_without_counts_nothing_is_compared() -> None:
    made = plan(bumps=False).model_copy(update={"counts": {}})
    check("same-counts", made.step("count-keys"), {"n1": {"resources": {"pods": 1}}}, made)


LED = {"cluster_id": "c", "leader": "a1"}


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (LED, ""),
        (LED | {"leader": "b2"}, "leaders_differ"),
        (LED | {"cluster_id": "d"}, "leaders_differ"),
        (LED | {"leader": "0"}, "leaders_differ"),
    ],
)
def test_all_members_follow_one_leader(other: dict[str, Any], code: str) -> None:
    assert refused("one-leader", "etcd-ready", LED, other, plan(bumps=True)) == code


def test_the_plan_of_a_backup_names_only_checks_that_there_are() -> None:
    made = plan(bumps=True)
    names = {name for step in made.steps for name in step.agree}
    assert names == {"same-members", "same-hash", "same-counts", "one-leader"}
    assert seen(SHAPE).etcd is None
