"""One picture of what several members said."""

import pytest

from builders.etcd_facts import failure, member, status
from builders.node_facts import GIB, survey, told, without
from holdfast.errors import RefusedError
from holdfast.models.etcd import Alarm
from holdfast.planning.node_facts import assemble, unusable_nodes


def test_each_member_has_one_status_whatever_the_order() -> None:
    facts = assemble((), (told(3), told(1), told(2)), (failure(4),))
    assert [each.member_id for each in facts.statuses] == ["a1", "a2", "a3"]
    assert (facts.cluster_id, facts.failures) == ("c", (failure(4),))


def test_two_nodes_that_lead_to_one_member_are_one_status() -> None:
    assert len(assemble((), (told(1), told(1, node="n9")), ()).statuses) == 1


def test_nodes_of_two_clusters_are_refused_with_their_names() -> None:
    with pytest.raises(RefusedError, match="n2 is of other") as caught:
        assemble((), (told(1), told(2, cluster="other")), ())
    assert caught.value.code == "etcd_clusters_differ"


def test_the_list_of_members_is_that_of_the_most_advanced_voter() -> None:
    old = told(1, members=1, status=status(1, applied=10))
    learner = told(2, members=2, status=status(2, applied=99, is_learner=True))
    newest = told(3, members=3, status=status(3, applied=50))
    assert assemble((), (old, learner, newest), ()).members == tuple(member(each) for each in (1, 2, 3))


def test_a_list_from_a_learner_is_better_than_none() -> None:
    learner = told(2, status=status(2, is_learner=True))
    assert len(assemble((), (told(1, members=0), learner), ()).members) == 3


def test_alarms_are_united_with_those_in_the_statuses() -> None:
    nospace, corrupt = Alarm(member_id="a", kind="NOSPACE"), Alarm(member_id="b", kind="CORRUPT")
    shown = status(2).model_copy(update={"errors": ("memberID:11 alarm:CORRUPT ",)})
    found = assemble((), (told(1, alarms=(nospace,)), told(2, alarms=(nospace,), status=shown)), ())
    assert found.alarms == (nospace, corrupt)


def test_nodes_that_cannot_take_a_snapshot_come_with_the_reason() -> None:
    surveys = (
        survey(1),
        survey(2, work_free=GIB),
        survey(3, tools=without("curl")),
        survey(4, data_on_work_disk=False, data_free=GIB // 2),
        survey(5, root=False),
        survey(6, tools=without("crictl")),
        survey(7, etcd=None),
    )
    reasons = unusable_nodes(surveys, GIB)
    assert {node: reason.split(",")[0] for node, reason in reasons.items()} == {
        "n2": f"{GIB} bytes are free for our files",
        "n3": "it has no curl",
        "n4": f"{GIB // 2} bytes are free beside etcd's data",
        "n5": "commands do not run as root there",
        "n6": "it has none of crictl",
    }
