"""What surveys say for or against a backup."""

from collections.abc import Sequence
from typing import Any

import pytest

from builders.etcd_facts import member
from builders.node_facts import GIB, layout, survey, told, without
from holdfast.drivers.kubeadm.findings import node_findings
from holdfast.models.node import ApiServerLayout, NodeSurvey
from holdfast.planning.node_facts import assemble


def found(*surveys: NodeSurvey, members: Sequence[int] = (1, 2)) -> dict[str, str]:
    """Level by code."""
    etcd = assemble(surveys, (told(1, members=0), told(2, members=0)), ())
    facts = etcd.model_copy(update={"members": tuple(member(each) for each in members)})
    return {finding.code: finding.level for finding in node_findings(surveys, facts)}


def test_healthy_nodes_have_no_findings() -> None:
    assert found(survey(1), survey(2)) == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"work_free": 1}, "node_disk_short"),
        ({"data_on_work_disk": False, "data_free": 1}, "node_disk_short"),
        ({"tools": without("curl")}, "node_tool_missing"),
        ({"tools": without("zstd", "gzip")}, "node_tool_missing"),
        ({"tools": without("crictl")}, "etcd_tool_missing"),
        ({"etcd": layout(1, container=False)}, "etcd_tool_missing"),
    ],
)
def test_what_one_node_lacks_is_a_warning_and_what_all_lack_refuses(changes: dict[str, Any], code: str) -> None:
    assert found(survey(1, **changes), survey(2))[code] == "warn"
    assert found(survey(1, **changes), survey(2, **changes))[code] == "refuse"


def test_a_node_without_a_member_needs_no_room_and_no_tools() -> None:
    assert found(survey(1), survey(2), survey(3, etcd=None, work_free=0, tools={})) == {}


def test_gzip_does_where_there_is_no_zstd() -> None:
    assert found(survey(1, tools=without("zstd")), survey(2)) == {"node_no_zstd": "info"}


@pytest.mark.parametrize(("offset", "expected"), [(29.0, {}), (-29.0, {}), (600.0, {"node_clock_off": "warn"})])
def test_a_clock_is_off_from_half_a_minute_on(offset: float, expected: dict[str, str]) -> None:
    assert found(survey(1, clock_offset_s=offset), survey(2)) == expected


def test_the_direction_of_a_wrong_clock_is_told() -> None:
    facts = assemble((), (told(1),), ())
    (behind,) = node_findings((survey(1, clock_offset_s=-600.0), survey(2), survey(3)), facts)
    assert "n1 is 600 s behind" in behind.text


def test_commands_that_do_not_run_as_root_refuse() -> None:
    assert found(survey(1, root=False), survey(2)) == {"node_not_root": "refuse"}


def test_a_member_on_a_node_that_nobody_named_is_told() -> None:
    assert found(survey(1), survey(2), members=(1, 2, 3)) == {"nodes_missing": "warn"}


def test_an_encryption_configuration_that_is_not_there_is_told() -> None:
    apiserver = ApiServerLayout(etcd_servers=(), encryption_config="/etc/enc.yaml")
    assert found(survey(1, apiserver=apiserver), survey(2)) == {}
    assert found(survey(1, apiserver=apiserver, missing=("/etc/enc.yaml",)), survey(2)) == {
        "encryption_config_missing": "warn"
    }


def test_keys_that_a_service_holds_are_told() -> None:
    assert found(survey(1, key_services=("unix:///run/kms.sock",)), survey(2)) == {"kms_in_use": "info"}


def test_a_member_that_cannot_be_asked_is_told() -> None:
    away = survey(3, etcd=None, etcd_problem="it offers its clients no https URL")
    assert found(survey(1), survey(2), away) == {"member_not_asked": "warn"}


def test_refusals_come_first() -> None:
    surveys = (survey(1, work_free=GIB // 100, clock_offset_s=99.0), survey(2, work_free=1, root=False))
    levels = list(found(*surveys).values())
    assert levels == sorted(levels, key=("refuse", "warn", "info").index)
    assert levels[0] == "refuse"
