"""etcd's messages as our models, across the versions that send fewer or more fields."""

from builders.etcd_facts import status
from holdfast.etcd import rpc_pb2 as rpc
from holdfast.etcd.messages import alarms_from, alarms_in_statuses, members_from, status_from
from holdfast.models.etcd import Alarm

ENDPOINT = "https://10.0.0.1:2379"


def test_ids_are_hexadecimal_as_etcdctl_prints_them() -> None:
    answer = rpc.StatusResponse(header=rpc.ResponseHeader(member_id=0x8E9E05C52164694D), leader=0x8E9E05C52164694D)
    read = status_from(ENDPOINT, answer)
    assert read.member_id == "8e9e05c52164694d"
    assert read.is_leader


def test_no_leader_is_the_id_zero() -> None:
    assert status_from(ENDPOINT, rpc.StatusResponse(errors=["etcdserver: no leader"])).leader_id == "0"


def test_a_server_before_3_4_leaves_newer_fields_to_the_older_ones() -> None:
    read = status_from(ENDPOINT, rpc.StatusResponse(version="3.3.18", db_size=100, raft_index=7))
    assert (read.db_size_in_use, read.raft_applied_index) == (100, 7)


def test_a_member_that_never_started_has_no_name() -> None:
    (member,) = members_from(rpc.MemberListResponse(members=[rpc.Member(id=1, peer_urls=["https://10.0.0.9:2380"])]))
    assert (member.member_id, member.name) == ("1", "")


def test_alarms_are_read_from_the_texts_of_status() -> None:
    texts = ("memberID:10501334649042878790 alarm:NOSPACE", "memberID:255 alarm:CORRUPT", "etcdserver: no leader")
    found = alarms_in_statuses([status(1).model_copy(update={"errors": texts})])
    assert found == {Alarm(member_id="91bc3c398fb3c146", kind="NOSPACE"), Alarm(member_id="ff", kind="CORRUPT")}


def test_both_ways_to_learn_of_an_alarm_give_the_same_value() -> None:
    answer = rpc.AlarmResponse(alarms=[rpc.AlarmMember(member_id=255, alarm=rpc.CORRUPT)])
    text = status(1).model_copy(update={"errors": ("memberID:255 alarm:CORRUPT ",)})
    assert alarms_from(answer) == alarms_in_statuses([text])


def test_a_kind_of_alarm_that_a_newer_etcd_may_have_is_left_out() -> None:
    answer = rpc.AlarmResponse.FromString(b"\x12\x04\x08\x01\x10\x09")
    assert alarms_from(answer) == set()
