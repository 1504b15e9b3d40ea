"""Which member a snapshot is taken from, and the reason that the user reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.etcd_facts import endpoint, etcd_facts, failure, member, status
from holdfast.errors import RefusedError
from holdfast.models.etcd import Alarm, EtcdFacts, MemberStatus
from holdfast.planning.member_choice import LAG_LIMIT, choose_member


def corrupt(number: int) -> Alarm:
    return Alarm(member_id=f"a{number}", kind="CORRUPT")


def test_a_follower_is_preferred_to_the_leader() -> None:
    choice = choose_member(etcd_facts(status(1), status(2), status(3)))
    assert (choice.endpoint, choice.member_id, choice.name, choice.version) == (endpoint(2), "a2", "etcd-2", "3.5.9")


def test_the_reason_says_why_and_what_was_passed_over() -> None:
    facts = etcd_facts(status(1), status(2, applied=4_990), status(3), failures=(failure(4),))
    assert choose_member(facts).reason == (
        "etcd-3 is a follower, up to date; passed over: etcd-1 (leader), etcd-2 (10 entries behind), "
        "https://10.0.0.4:2379 (etcd_unreachable)"
    )


def test_among_followers_the_least_lag_wins() -> None:
    facts = etcd_facts(status(1), status(2, applied=4_998), status(3, applied=4_999))
    assert choose_member(facts).name == "etcd-3"


def test_a_follower_at_the_lag_limit_still_comes_before_the_leader() -> None:
    assert choose_member(etcd_facts(status(1), status(2, applied=5_000 - LAG_LIMIT))).name == "etcd-2"


def test_a_follower_beyond_the_lag_limit_comes_after_the_leader() -> None:
    choice = choose_member(etcd_facts(status(1), status(2, applied=5_000 - LAG_LIMIT - 1)))
    assert choice.name == "etcd-1"
    assert "the leader, and no follower keeps up" in choice.reason
    assert "etcd-2 (1001 entries behind)" in choice.reason


def test_a_single_member_is_taken_although_it_leads() -> None:
    choice = choose_member(etcd_facts(status(1), members=(member(1),)))
    assert choice.reason == "etcd-1 is the only member"


def test_a_learner_is_never_taken() -> None:
    choice = choose_member(etcd_facts(status(1), status(2, is_learner=True)))
    assert choice.name == "etcd-1"
    assert "etcd-2 (learner)" in choice.reason


def test_only_learners_are_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        choose_member(etcd_facts(status(2, is_learner=True)))
    assert caught.value.code == "only_learners_answer"


def test_no_answer_at_all_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        choose_member(etcd_facts(failures=(failure(1), failure(2))))
    assert caught.value.code == "no_member_answers"


def test_a_member_with_a_corrupt_alarm_is_passed_over() -> None:
    choice = choose_member(etcd_facts(status(1), status(2), status(3), alarms=(corrupt(2),)))
    assert choice.name == "etcd-3"
    assert "etcd-2 (CORRUPT alarm)" in choice.reason


def test_corrupt_alarms_everywhere_are_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        choose_member(etcd_facts(status(1), status(2), alarms=(corrupt(1), corrupt(2))))
    assert caught.value.code == "members_corrupt"


def test_a_nospace_alarm_changes_nothing() -> None:
    healthy = etcd_facts()
    full = etcd_facts(alarms=(Alarm(member_id="a2", kind="NOSPACE"),))
    assert choose_member(full) == choose_member(healthy)


def test_without_quorum_the_most_advanced_voting_member_is_taken_and_the_reason_says_so() -> None:
    facts = etcd_facts(
        status(2, leader=0, applied=100),
        status(3, leader=0, applied=120),
        status(4, leader=0, applied=150, is_learner=True),
        failures=(failure(1),),
    )
    choice = choose_member(facts)
    assert choice.name == "etcd-3"
    assert "the most advanced voting member that answers; quorum is lost" in choice.reason


def test_a_member_that_is_cut_off_from_the_leader_comes_last() -> None:
    choice = choose_member(etcd_facts(status(1), status(2, leader=0)))
    assert choice.name == "etcd-1"
    assert "etcd-2 (cut off from the leader)" in choice.reason


def test_a_member_that_the_list_does_not_name_is_called_by_its_id() -> None:
    choice = choose_member(etcd_facts(status(1), status(7)))
    assert choice.name == ""
    assert choice.reason.startswith("member a7 is a follower")


@st.composite
def facts_with_order(draw: st.DrawFn) -> tuple[EtcdFacts, EtcdFacts]:
    """The same cluster, its statuses in two orders."""
    numbers = draw(st.lists(st.integers(1, 6), min_size=1, max_size=6, unique=True))
    statuses: list[MemberStatus] = [
        status(
            number,
            leader=draw(st.sampled_from((0, 1))),
            applied=draw(st.sampled_from((5_000, 4_999, 3_000))),
            is_learner=draw(st.booleans()) if number != numbers[0] else False,
        )
        for number in numbers
    ]
    return etcd_facts(*statuses), etcd_facts(*draw(st.permutations(statuses)))


@given(facts_with_order())
def test_the_choice_does_not_depend_on_the_order_of_the_endpoints(pair: tuple[EtcdFacts, EtcdFacts]) -> None:
    first, second = (choose_member(facts) for facts in pair)
    assert first.endpoint == second.endpoint


@given(facts_with_order())
def test_the_choice_is_always_a_voting_member_that_answers(pair: tuple[EtcdFacts, EtcdFacts]) -> None:
    choice = choose_member(pair[0])
    assert choice.endpoint in {status.endpoint for status in pair[0].statuses if not status.is_learner}


def test_a_member_whose_node_cannot_do_it_is_passed_over_with_the_reason() -> None:
    chosen = choose_member(etcd_facts(), {"a2": "12 MB free"})
    assert chosen.member_id == "a3"
    assert "etcd-2 (12 MB free)" in chosen.reason


def test_when_no_node_can_do_it_all_reasons_are_told() -> None:
    with pytest.raises(RefusedError, match="no_usable_node") as caught:
        choose_member(etcd_facts(), {"a1": "no curl", "a2": "12 MB free", "a3": "no curl"})
    assert "etcd-2: 12 MB free" in caught.value.message
