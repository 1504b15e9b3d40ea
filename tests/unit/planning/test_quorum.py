"""More than half of the voters, and what a replacement does to that."""

from dataclasses import replace

import pytest

from builders.etcd_facts import etcd_facts, member, status
from builders.restore_shapes import NOW, VERSION, Shape, facts, one_down, replacement, seen, spec, survey
from holdfast.errors import RefusedError
from holdfast.models.etcd import Alarm, EtcdFacts
from holdfast.planning.quorum import Tally, healthy_voters, quorum_of, tally
from holdfast.planning.replace_findings import course, replacement_findings
from holdfast.planning.replace_plan import plan_replacement
from holdfast.planning.restore_seen import RestoreSeen


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_a_quorum_is_more_than_half(voters: int, needed: int) -> None:
    assert quorum_of(voters) == needed
    assert Tally(voters, needed).has_quorum
    assert not Tally(voters, needed - 1).has_quorum


def test_nobody_is_no_quorum() -> None:
    assert not Tally(0, 0).has_quorum


def test_who_is_healthy() -> None:
    told = etcd_facts(
        status(1),
        status(2, leader=0),
        status(3, is_learner=True),
        status(4),
        members=(member(1), member(2), member(3, is_learner=True), member(4), member(5)),
        alarms=(Alarm(member_id="a4", kind="CORRUPT"),),
    )
    assert healthy_voters(told) == {"a1"}
    assert tally(told) == Tally(voters=4, healthy=1)


def test_without_a_list_those_that_answer_are_counted() -> None:
    assert tally(etcd_facts(status(1), members=())) == Tally(voters=1, healthy=1)


def codes(before: RestoreSeen, node: str = "n3", shape: Shape | None = None) -> list[tuple[str, str]]:
    told = replacement_findings(spec(shape or Shape()), before, node, replacement(node), NOW)
    return [(finding.level, finding.code) for finding in told]


def cluster(members: int, *down: int) -> tuple[Shape, RestoreSeen]:
    shape = Shape(members=members)
    alive = [number for number in range(1, members + 1) if number not in down]
    etcd = etcd_facts(
        *(status(number, leader=alive[0], version=VERSION) for number in alive),
        members=tuple(member(number) for number in range(1, members + 1)),
    )
    return shape, seen(shape, etcd=etcd, nodes={f"a{number}": f"n{number}" for number in alive})


@pytest.mark.parametrize(
    ("members", "down", "allowed"),
    [
        (3, (3,), True),
        (3, (2, 3), False),
        (1, (1,), False),
        (2, (1,), False),
        (4, (3,), True),
        (4, (3, 4), False),
        (5, (3,), True),
        (5, (3, 4), True),
        (5, (2, 3, 4), False),
    ],
)
def test_a_replacement_needs_a_quorum_before_and_after(members: int, down: tuple[int, ...], *, allowed: bool) -> None:
    if len(down) == members:
        shape = Shape(members=members)
        before = seen(shape)
    else:
        shape, before = cluster(members, *down)
    node = f"n{down[0]}"
    assert codes(before, node, shape) == ([] if allowed else [("refuse", "quorum_would_be_lost")])


def test_the_turns_of_a_replacement_in_numbers() -> None:
    way = course(one_down(Shape()), "n3")
    assert way is not None
    assert (way.before, way.removed, way.promoted) == (Tally(3, 2), Tally(2, 2), Tally(3, 3))


def test_a_member_that_was_removed_already_is_only_added() -> None:
    shape, before = cluster(3, 3)
    assert before.etcd is not None
    two = before.etcd.model_copy(update={"members": (member(1), member(2))})
    before = replace(before, etcd=two, members=two.members)
    assert codes(before) == []
    plan = plan_replacement(
        spec(shape), before, "n3", replacement(), run_id="r-1", emergency=None, findings=(), now=NOW
    )
    names = [step.name for step in plan.steps]
    assert "remove-member" not in names
    assert next(step.name for step in plan.steps if step.no_return) == "put-aside"
    assert plan.step("etcd-ready").commands[0].values["voters"] == "3"


def test_a_learner_of_an_attempt_before_is_taken_off_first() -> None:
    shape, before = cluster(3, 3)
    assert before.etcd is not None
    members = (member(1), member(2), member(3, name="", is_learner=True))
    before = replace(before, etcd=before.etcd.model_copy(update={"members": members}), members=members)
    assert codes(before) == []
    plan = plan_replacement(
        spec(shape), before, "n3", replacement(), run_id="r-1", emergency=None, findings=(), now=NOW
    )
    assert plan.step("remove-member").commands[0].values["member_id"] == "a3"
    assert plan.step("etcd-ready").commands[0].values["voters"] == "3"


def test_a_healthy_member_is_not_replaced() -> None:
    _, before = cluster(3)
    assert codes(before) == [("refuse", "member_healthy")]


@pytest.mark.parametrize("sick", [status(3, leader=0), status(3)])
def test_a_member_that_answers_and_is_sick_is(sick: object) -> None:
    _, before = cluster(3, 3)
    assert before.etcd is not None
    alarms = () if sick.leader_id == "0" else (Alarm(member_id="a3", kind="CORRUPT"),)  # type: ignore[attr-defined]
    etcd: EtcdFacts = before.etcd.model_copy(update={"statuses": (*before.etcd.statuses, sick), "alarms": alarms})
    assert codes(replace(before, etcd=etcd, nodes={**before.nodes, "a3": "n3"})) == []


def test_another_member_that_never_joined_is_in_the_way() -> None:
    _, before = cluster(3, 3)
    assert before.etcd is not None
    members = (*before.etcd.members, member(4, name="", is_learner=True))
    before = replace(before, etcd=before.etcd.model_copy(update={"members": members}), members=members)
    assert codes(before) == [("refuse", "member_half_joined")]


def test_the_node_itself_has_to_answer_and_others_are_taken_for_lost() -> None:
    shape, before = cluster(5, 3)
    away = tuple(each for each in before.surveys if each.node != "n3")
    assert ("refuse", "node_unreachable") in codes(replace(before, surveys=away), "n3", shape)
    away = tuple(each for each in before.surveys if each.node != "n5")
    assert codes(replace(before, surveys=away), "n3", shape) == [("warn", "node_unreachable")]


def test_what_else_speaks_against_it() -> None:
    _, before = cluster(3, 3)
    node = survey(Shape(), "n3")

    def with_facts(**changes: object) -> RestoreSeen:
        return replace(before, facts={**before.facts, "n3": facts(node, **changes)})

    assert codes(before, "n9")[0] == ("refuse", "node_unknown")
    assert codes(with_facts(data_free=1)) == [("refuse", "restore_disk_short")]
    assert codes(with_facts(certificates=(("/x.crt", 0),))) == [("refuse", "certificate_expires")]
    assert codes(with_facts(unfinished=("r",))) == [("refuse", "unfinished_restore")]
    lost = tuple(each.model_copy(update={"etcd": None}) if each.node == "n3" else each for each in before.surveys)
    assert ("refuse", "layout_unknown") in codes(replace(before, surveys=lost))


def test_where_nothing_can_be_planned_the_first_refusal_is_raised() -> None:
    _, before = cluster(3, 2, 3)
    nobody = seen(Shape())
    told = replacement_findings(spec(Shape()), nobody, "n3", replacement(), NOW)
    with pytest.raises(RefusedError) as caught:
        plan_replacement(spec(Shape()), nobody, "n3", replacement(), run_id="r", emergency=None, findings=told, now=NOW)
    assert caught.value.code == "quorum_would_be_lost"
    del before
