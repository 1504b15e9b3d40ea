"""What a cluster's state says against a backup, before one is made."""

from datetime import timedelta

import pytest

from builders.etcd_facts import etcd_facts, failure, member, status
from holdfast.models.etcd import Alarm, EtcdFacts
from holdfast.planning.preflight import LARGE_DATABASE_BYTES, backup_findings

GIB = 1024**3
CORRUPT_1 = Alarm(member_id="a1", kind="CORRUPT")
CORRUPT_2 = Alarm(member_id="a2", kind="CORRUPT")


def levels_and_codes(facts: EtcdFacts) -> list[tuple[str, str]]:
    return [(finding.level, finding.code) for finding in backup_findings(facts)]


def test_a_healthy_cluster_has_no_findings() -> None:
    assert backup_findings(etcd_facts()) == ()


CASES = [
    pytest.param(
        etcd_facts(status(2, leader=0), status(3, leader=0), members=(member(2), member(3))),
        [("warn", "quorum_lost")],
        id="quorum lost",
    ),
    pytest.param(etcd_facts(status(1), status(2), status(3, leader=0)), [("warn", "member_cut_off")], id="cut off"),
    pytest.param(
        etcd_facts(status(1), status(2), failures=(failure(3),)), [("warn", "endpoint_failed")], id="endpoint failed"
    ),
    pytest.param(
        etcd_facts(alarms=(Alarm(member_id="a1", kind="NOSPACE"), Alarm(member_id="a2", kind="NOSPACE"))),
        [("warn", "nospace_alarm")],
        id="nospace on two members is one finding",
    ),
    pytest.param(etcd_facts(alarms=(CORRUPT_1,)), [("warn", "corrupt_alarm")], id="one member corrupt"),
    pytest.param(
        etcd_facts(status(1), status(2), members=(member(1), member(2)), alarms=(CORRUPT_1, CORRUPT_2)),
        [("refuse", "members_corrupt")],
        id="all members corrupt",
    ),
    pytest.param(
        etcd_facts(
            status(1), status(2, is_learner=True), members=(member(1), member(2, is_learner=True)), alarms=(CORRUPT_1,)
        ),
        [("refuse", "members_corrupt"), ("info", "learner_present")],
        id="a sound learner does not help",
    ),
    *(
        pytest.param(
            etcd_facts(status(1, version=version), members=(member(1),)),
            [("warn", "etcd_version_flawed")],
            id=f"flawed {version}",
        )
        for version in ("3.5.0", "3.5.1", "3.5.2", "3.5.0-rc.1")
    ),
    *(
        pytest.param(etcd_facts(status(1, version=version), members=(member(1),)), [], id=f"sound {version}")
        for version in ("3.4.23", "3.5.3", "3.5.10", "3.5.21", "3.6.0")
    ),
    pytest.param(
        etcd_facts(status(1), status(2, version="3.5.10"), members=(member(1), member(2))),
        [("info", "versions_mixed")],
        id="mixed versions",
    ),
    pytest.param(
        etcd_facts(status(1), members=(member(1), member(2, is_learner=True))),
        [("info", "learner_present"), ("info", "member_without_endpoint")],
        id="a learner that is only in the member list",
    ),
    pytest.param(
        etcd_facts(status(1, db_size=GIB, in_use=GIB // 2 - 1), members=(member(1),)),
        [("info", "database_sparse")],
        id="more than half free",
    ),
    pytest.param(
        etcd_facts(status(1, db_size=GIB, in_use=GIB // 2), members=(member(1),)),
        [],
        id="half free is not more than half",
    ),
    pytest.param(
        etcd_facts(status(1, db_size=1_000_000, in_use=1), members=(member(1),)), [], id="free pages of a tiny database"
    ),
    pytest.param(
        etcd_facts(status(1, db_size=LARGE_DATABASE_BYTES + 1), members=(member(1),)),
        [("warn", "database_large")],
        id="too large",
    ),
    pytest.param(
        etcd_facts(status(1, db_size=LARGE_DATABASE_BYTES), members=(member(1),)),
        [],
        id="exactly 8 GiB is not too large",
    ),
    pytest.param(etcd_facts(status(1), status(2)), [("info", "member_without_endpoint")], id="member without endpoint"),
    pytest.param(
        etcd_facts(status(1), status(2), failures=(failure(99),)),
        [("warn", "endpoint_failed")],
        id="a failed endpoint by another address may be the missing member",
    ),
    pytest.param(
        etcd_facts(status(1), members=(member(1), member(2, name=""))),
        [("info", "member_not_started")],
        id="never started",
    ),
]


@pytest.mark.parametrize(("facts", "expected"), CASES)
def test_each_condition_gives_its_finding(facts: EtcdFacts, expected: list[tuple[str, str]]) -> None:
    assert levels_and_codes(facts) == expected


def test_a_lost_quorum_says_that_the_snapshot_may_miss_writes() -> None:
    finding = backup_findings(etcd_facts(status(1, leader=0), members=(member(1),)))[0]
    assert "may miss the last writes" in finding.text


def test_findings_name_the_members_they_are_about() -> None:
    facts = etcd_facts(status(1), status(2, version="3.5.1"), status(3))
    assert "etcd 3.5.1 on etcd-2" in backup_findings(facts)[0].text


def test_a_failed_endpoint_keeps_its_code_and_hint() -> None:
    broken = failure(3, "etcd_untrusted").model_copy(update={"hint": "wrong authority"})
    finding = backup_findings(etcd_facts(status(1), status(2), failures=(broken,)))[0]
    assert finding.text.startswith("etcd_untrusted: https://10.0.0.3:2379")
    assert finding.hint == "wrong authority"


def test_refusals_come_first_and_information_last() -> None:
    facts = etcd_facts(
        status(1, version="3.5.1"), status(2), members=(member(1), member(2), member(3)), alarms=(CORRUPT_1, CORRUPT_2)
    )
    levels = [finding.level for finding in backup_findings(facts)]
    assert levels == sorted(levels, key=("refuse", "warn", "info").index)
    assert set(levels) == {"refuse", "warn", "info"}


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=14) - timedelta(seconds=1), "in 13 days"),
        (timedelta(days=1), "in 1 day;"),
        (timedelta(hours=23, minutes=59), "in 23 hours"),
        (timedelta(minutes=5), "in 0 hours"),
    ],
)
def test_a_client_certificate_that_expires_soon_is_a_warning(left: timedelta, said: str) -> None:
    (finding,) = backup_findings(etcd_facts().model_copy(update={"client_certificate_left": left}))
    assert (finding.level, finding.code) == ("warn", "client_certificate_expires")
    assert said in finding.text


def test_a_client_certificate_with_time_left_is_not_worth_a_word() -> None:
    assert backup_findings(etcd_facts().model_copy(update={"client_certificate_left": timedelta(days=14)})) == ()
