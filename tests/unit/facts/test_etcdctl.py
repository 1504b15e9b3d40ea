"""etcdctl's answers, as tests/data/facts has them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.frames import FACTS, outcome
from holdfast.errors import PermanentError
from holdfast.facts.etcdctl import alarms_in, last_words, read_alarms, read_members, read_status, read_version

ENDPOINT = "https://10.0.0.1:2379"
VERSIONS = ("3.4.23", "3.5.1", "3.6")


def said(version: str, case: str, question: str) -> str:
    path: Path = FACTS / f"etcdctl-{version}" / f"{case}.{question}.out"
    return path.read_text()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_status_has_its_ids_in_hexadecimal_to_the_last_digit(version: str) -> None:
    text = said(version, "single", "status")
    raw = json.loads(text)[0]["Status"]
    cluster, status = read_status("n1", text, ENDPOINT)
    assert int(cluster, 16) == raw["header"]["cluster_id"]
    assert int(status.member_id, 16) == raw["header"]["member_id"] > 1 << 53
    assert status.is_leader
    assert status.version.startswith(version)
    assert (status.endpoint, status.is_learner, status.errors) == (ENDPOINT, False, ())
    assert 0 < status.db_size_in_use <= status.db_size == raw["dbSize"]
    assert status.raft_applied_index == raw["raftAppliedIndex"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_learner_says_that_it_is_one(version: str) -> None:
    assert read_status("n1", said(version, "learner", "status"), ENDPOINT)[1].is_learner


@pytest.mark.parametrize("version", ["3.4.23", "3.5.1"])
def test_a_member_without_quorum_knows_no_leader(version: str) -> None:
    status = read_status("n1", said(version, "no-quorum", "status"), ENDPOINT)[1]
    assert (status.leader_id, status.is_leader, status.errors) == ("0", False, ("etcdserver: no leader",))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_alarm_is_in_the_status_the_list_and_its_text_alike(version: str) -> None:
    member = read_status("n1", said(version, "nospace", "status"), ENDPOINT)[1]
    (alarm,) = read_alarms("n1", said(version, "nospace", "alarms"))
    assert (alarm.member_id, alarm.kind) == (member.member_id, "NOSPACE")
    assert read_alarms("n1", said(version, "nospace", "alarms-text")) == (alarm,)
    assert alarms_in(member.errors) == (alarm,)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_alarm_is_an_empty_list(version: str) -> None:
    assert read_alarms("n1", said(version, "single", "alarms")) == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_members_come_with_their_urls_and_who_is_a_learner(version: str) -> None:
    members = read_members("n1", said(version, "with-learner", "members"))
    assert sorted(member.is_learner for member in members) == [False, True]
    (voter,) = [member for member in members if not member.is_learner]
    assert voter.name == "m0"
    assert len(voter.client_urls) == len(voter.peer_urls) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_of_the_tool_is_told(version: str) -> None:
    assert read_version(said(version, "single", "version")).startswith(version)


def test_numbers_as_text_are_numbers() -> None:
    as_text = read_status("n1", said("3.6", "numbers-as-text", "status"), ENDPOINT)
    assert as_text == read_status("n1", said("3.6", "single", "status"), ENDPOINT)


def test_alarms_of_kinds_that_are_not_known_yet_are_left_out() -> None:
    text = json.dumps({"alarms": [{"memberID": 7, "alarm": 9}, {"memberID": 7, "alarm": "CORRUPT"}]})
    assert [(alarm.member_id, alarm.kind) for alarm in read_alarms("n1", text)] == [("7", "CORRUPT")]


@pytest.mark.parametrize("text", ["", "[]", "null", "[{}]", '[{"Status":{}},{"Status":{}}]'])
def test_a_status_without_its_one_row_is_unreadable(text: str) -> None:
    with pytest.raises(PermanentError) as caught:
        read_status("n1: etcdctl endpoint status", text, ENDPOINT)
    assert caught.value.code == "node_output_unreadable"
    assert "n1: etcdctl endpoint status" in caught.value.message


@pytest.mark.parametrize("value", [-1, 1 << 64, 1.5, True, "0x7", "-3", [], {}])
def test_an_id_that_is_no_number_of_64_bits_is_unreadable(value: object) -> None:
    row = json.loads(said("3.5.1", "single", "status"))
    row[0]["Status"]["header"]["member_id"] = value
    with pytest.raises(PermanentError, match="node_output_unreadable"):
        read_status("n1", json.dumps(row), ENDPOINT)


def test_the_last_line_is_what_a_failed_etcdctl_says() -> None:
    text = (FACTS / "etcdctl-3.4.23" / "down.status.err").read_text()
    assert last_words(text) == "Failed to get the status of endpoint http://127.0.0.1:31000 (context deadline exceeded)"


READERS: dict[str, Callable[[str], Any]] = {
    "status": lambda text: read_status("n1", text, ENDPOINT),
    "members": lambda text: read_members("n1", text),
    "alarms": lambda text: read_alarms("n1", text),
}
KEYS = st.sampled_from(
    ["header", "Status", "members", "alarms", "ID", "memberID", "alarm", "member_id", "dbSize", "name"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("reader", READERS)
@given(text=st.text() | st.binary().map(lambda data: data.decode(errors="replace")) | ANYTHING.map(json.dumps))
def test_any_text_is_read_or_unreadable(reader: str, text: str) -> None:
    assert outcome(READERS[reader], text) in {"read", "node_output_unreadable"}


@pytest.mark.parametrize("question", ["status", "members", "alarms"])
@given(data=st.data())
def test_a_damaged_answer_is_read_or_unreadable(question: str, data: st.DataObject) -> None:
    text = said("3.5.1", "with-learner" if question != "alarms" else "nospace", question)
    at = data.draw(st.integers(0, len(text) - 1))
    instead = data.draw(st.text(max_size=3))
    damaged = text[:at] + instead + text[at + data.draw(st.integers(0, 5)) :]
    assert outcome(READERS[question], damaged) in {"read", "node_output_unreadable"}
