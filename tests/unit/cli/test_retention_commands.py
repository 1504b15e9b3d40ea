"""`holdfast retention` over the doubles: the plan that is shown is the one that is carried out."""

import functools
from datetime import timedelta

import pytest

from builders.command_line import holdfast
from builders.history import BEGIN, entry, every, ids
from builders.services import MemoryServices
from builders.stored_history import CLUSTER, keeping, store
from holdfast.engine.catalog import list_backups
from holdfast.planning.catalog_key import accept_key
from holdfast.planning.naming import bundle_key

DAY = timedelta(days=1)
days = functools.partial(every, DAY, cluster=CLUSTER)
BACKUPS = days(6)


def six() -> MemoryServices:
    return keeping(*(each.model_copy(update={"size": 1000}) for each in BACKUPS), keep_last=4)


def listed(services: MemoryServices) -> list[str]:
    return sorted(ids(list_backups(services.bucket, CLUSTER)))


def test_a_plan_has_a_row_per_backup_what_would_be_freed_and_the_command_that_does_it() -> None:
    services = six()
    lines = holdfast("retention", "plan", CLUSTER, services=services).stdout.splitlines()
    assert lines[0].split() == ["BACKUP", "KIND", "STATE", "SIZE", "VERDICT", "REASON"]
    assert lines[1].split(None, 5) == [
        *(BACKUPS[-1].backup_id, "recurring", "verified", "1.0", "kB"),
        "keep     recurring: one of the newest 4",
    ]
    assert lines[6].endswith("remove   recurring: beyond what the rule keeps: the newest 4")
    assert lines[8] == "2 backups of 6 would go, 2.0 kB of snapshots"
    value = holdfast("retention", "plan", CLUSTER, "-o", "json", services=services).value
    assert lines[-1] == f"holdfast retention apply {CLUSTER} --digest {value['digest']}"
    assert (value["freed"], len(value["plan"]["verdicts"])) == (2000, 6)
    assert listed(services) == ids(BACKUPS)


def test_the_digest_of_the_plan_does_that_plan() -> None:
    services = six()
    digest = holdfast("retention", "plan", CLUSTER, "-o", "json", services=services).value["digest"]
    ended = holdfast("retention", "apply", CLUSTER, "--digest", digest, services=services)
    assert ended.stdout.splitlines() == [
        f"removed  {BACKUPS[0].backup_id}",
        f"removed  {BACKUPS[1].backup_id}",
        f"2 backups of {CLUSTER} removed, 2.0 kB of snapshots",
    ]
    assert listed(services) == ids(BACKUPS[2:])


def test_a_plan_that_changed_is_refused_with_exit_code_3() -> None:
    services = six()
    digest = holdfast("retention", "plan", CLUSTER, "-o", "json", services=services).value["digest"]
    store(services, [entry(BEGIN + 8 * DAY, cluster=CLUSTER)])
    ended = holdfast("retention", "apply", CLUSTER, "--digest", digest, "-o", "json", services=services)
    assert (ended.code, ended.error["code"]) == (3, "retention_plan_changed")
    assert len(listed(services)) == 7


def test_a_person_is_shown_the_plan_and_asked() -> None:
    services = six()
    asked: list[str] = []

    def says(answer: str) -> int:
        def person(question: str) -> str:
            asked.append(question)
            return answer

        return holdfast("retention", "apply", CLUSTER, services=services, person=person).code

    assert (says("no"), len(listed(services))) == (3, 6)
    assert (says(" Yes"), len(listed(services))) == (0, 4)
    assert asked == [f'Type "yes" to remove 2 backups of {CLUSTER} for good'] * 2
    assert says("nobody asks when nothing goes") == 0
    assert len(asked) == 2


@pytest.mark.parametrize("arguments", [(), ("-o", "json")])
def test_where_nobody_can_be_asked_it_says_what_to_pass(arguments: tuple[str, ...]) -> None:
    services = six()
    ended = holdfast("retention", "apply", CLUSTER, *arguments, services=services)
    assert (ended.code, len(listed(services))) == (2, 6)
    assert "retention_unattended" in ended.stderr
    assert "--digest" in ended.stderr
    assert holdfast("retention", "apply", CLUSTER, "--yes", *arguments, services=services).code == 0
    assert len(listed(services)) == 4


def test_a_person_is_asked_about_secrets_that_are_left_alone_too() -> None:
    services = six()
    services.secrets.put(bundle_key(CLUSTER, entry(BEGIN + DAY / 2, cluster=CLUSTER).backup_id, "n1"), b"bundle")
    asked: list[str] = []

    def person(question: str) -> str:
        asked.append(question)
        return "no"

    holdfast("retention", "apply", CLUSTER, services=services, person=person)
    assert asked == [f'Type "yes" to remove 2 backups and the secrets of 1 backup of {CLUSTER} for good']


def test_secrets_that_were_left_alone_are_shown_and_go() -> None:
    services = six()
    alone = entry(BEGIN + DAY / 2, cluster=CLUSTER).backup_id
    services.secrets.put(bundle_key(CLUSTER, alone, "n1"), b"bundle")
    shown = holdfast("retention", "plan", CLUSTER, services=services).stdout
    assert f"remove: the secrets of {alone}, of which nothing else is left" in shown
    assert (
        f"removed  the secrets of {alone}" in holdfast("retention", "apply", CLUSTER, "--yes", services=services).stdout
    )
    assert not [key for key in services.secrets.objects if alone in key]


def test_a_suspicious_backup_is_told_with_what_to_do_and_accepting_it_lets_retention_go_on() -> None:
    emptied = entry(BEGIN + 8 * DAY, cluster=CLUSTER, live_keys=3)
    services = keeping(*days(6), emptied, keep_last=4)
    shown = holdfast("retention", "plan", CLUSTER, services=services).stdout
    command = f"holdfast retention accept {CLUSTER} {emptied.backup_id}"
    assert "removal is paused" in shown
    assert command in shown
    assert "nothing goes: all of 7 backups of prod-1 stay" in shown
    ended = holdfast(*command.split()[1:], "-o", "json", services=services)
    assert ended.value["accepted"]["accepted_by"] == services.identity.caller()
    assert accept_key(CLUSTER, emptied.backup_id) in services.bucket.objects
    assert (
        len(
            holdfast("retention", "apply", CLUSTER, "--yes", "-o", "json", services=services).value["applied"][
                "removed"
            ]
        )
        == 3
    )


def test_nobody_accepts_what_nobody_verified_or_what_is_not_there() -> None:
    sealed = entry(BEGIN, "sealed", cluster=CLUSTER)
    services = keeping(sealed)
    ended = holdfast("retention", "accept", CLUSTER, sealed.backup_id, "-o", "json", services=services)
    assert (ended.code, ended.error["code"]) == (3, "backup_not_verified")
    ended = holdfast("retention", "accept", CLUSTER, BACKUPS[3].backup_id, "-o", "json", services=services)
    assert (ended.code, ended.error["code"]) == (1, "backup_unknown")
    assert holdfast("retention", "accept", CLUSTER, "yesterday", services=services).code == 2


def test_an_unknown_cluster_is_an_error_and_one_without_backups_is_none() -> None:
    services = keeping()
    assert holdfast("retention", "plan", "prod-2", services=services).code == 1
    assert (
        "nothing goes: all of 0 backups of prod-1 stay"
        in holdfast("retention", "plan", CLUSTER, services=services).stdout
    )
