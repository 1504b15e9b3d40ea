"""`holdfast backup list`, `index`, `hold` and `unhold`: what a person reads of the catalogue, of holds and of locks."""

from datetime import timedelta

from builders.backed_up import CLUSTER, one_backup, only_backup
from builders.command_line import holdfast
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.planning.catalog_key import catalog_prefix, hold_key
from holdfast.planning.naming import MANIFEST, SNAPSHOT, backup_key
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied

PREFIX = catalog_prefix(CLUSTER)


def forget(services: MemoryServices) -> None:
    services.bucket.remove([key for key in services.bucket.objects if key.startswith(PREFIX)])


def states(services: MemoryServices, *options: str) -> list[str]:
    entries = holdfast("backup", "list", CLUSTER, "-o", "json", *options, services=services).value["backups"]
    return [entry["state"] for entry in entries]


def test_a_backup_that_the_catalogue_lost_is_seen_among_the_objects_and_an_index_brings_it_back() -> None:
    services = one_backup()
    backup = only_backup(services)
    forget(services)
    assert (states(services), states(services, "--objects")) == ([], ["verified"])
    ended = holdfast("backup", "index", CLUSTER, services=services)
    assert ended.stdout == f"{backup} is verified: written\n"
    assert states(services) == ["verified"]
    assert "says what is there" in holdfast("backup", "index", CLUSTER, services=services).stdout


def test_a_backup_whose_objects_somebody_deleted_is_told_by_a_look_and_taken_out_by_an_index() -> None:
    services = one_backup()
    backup = only_backup(services)
    services.bucket.remove([backup_key(CLUSTER, backup, SNAPSHOT)])
    assert (states(services), states(services, "--objects")) == (["verified"], ["damaged"])
    services.bucket.remove([key for key in services.bucket.objects if key.startswith(f"{CLUSTER}/{backup}/")])
    assert states(services, "--objects") == []
    assert f"{backup} is not there any more" in holdfast("backup", "index", CLUSTER, services=services).stdout
    assert states(services) == []


def test_latest_is_what_lies_there_whatever_the_catalogue_says() -> None:
    services = one_backup()
    older = only_backup(services)
    assert BackupMachine(services).execute(CLUSTER, START + timedelta(hours=1)).status == "succeeded"

    def latest() -> str:
        shown = holdfast("backup", "show", CLUSTER, "latest", "-o", "json", services=services).value
        return str(shown["manifest"]["backup_id"])

    newer = latest()
    assert newer > older
    forget(services)
    assert latest() == newer
    assert holdfast("backup", "index", CLUSTER, services=services).code == 0
    services.bucket.remove([backup_key(CLUSTER, newer, SNAPSHOT)])
    assert latest() == older


def test_a_leftover_is_listed_among_the_objects_only() -> None:
    services = one_backup()
    services.bucket.remove([backup_key(CLUSTER, only_backup(services), MANIFEST)])
    forget(services)
    assert (states(services), states(services, "--objects")) == ([], ["unsealed"])
    said = holdfast("backup", "list", CLUSTER, services=services).stdout
    assert "yet" not in said
    assert "note: of 1 backup there is something that the catalogue does not know" in said
    services.bucket.objects.clear()
    assert holdfast("backup", "list", CLUSTER, services=services).stdout == "cluster prod-1 has no backups yet\n"


def test_foreign_keys_in_the_catalogue_are_counted_and_shown_without_their_control_characters() -> None:
    services = one_backup()
    services.bucket.put(f"{PREFIX}\x1b[31mred", b"")
    services.bucket.put(f"{PREFIX}{'x' * 900}", b"")
    ended = holdfast("backup", "list", CLUSTER, services=services)
    assert ended.code == 0
    (note,) = [line for line in ended.stdout.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: 2 keys in the catalogue are none of Holdfast's, first 'prod-1/catalog/\\x1b[31mred'")
    notes = holdfast("backup", "list", CLUSTER, "-o", "json", services=services).value["notes"]
    assert note == f"note: {notes[0]}"


def test_a_list_that_is_refused_is_an_error_and_not_an_empty_cluster() -> None:
    services = one_backup()
    services.store = FaultyBucket(services.bucket, [Fault("list", access_denied, times=9)])
    ended = holdfast("backup", "list", CLUSTER, services=services)
    assert ended.code == 1
    assert "error[storage_access_denied]" in ended.stderr
    assert ended.stdout == ""


def test_a_hold_is_shown_with_who_and_why_until_it_is_released() -> None:
    services = one_backup()
    backup = only_backup(services)
    ended = holdfast("backup", "hold", CLUSTER, backup, "--reason", "before the move", services=services)
    assert f"{backup} is held: retention leaves it alone; legal holds on 4 objects" in ended.stdout
    assert "held" in holdfast("backup", "list", CLUSTER, services=services).stdout.splitlines()[1].split()
    shown = holdfast("backup", "show", CLUSTER, backup, services=services).stdout
    caller = services.identity.caller()
    assert f"by {caller} since 2026-11-20 15:43:00Z: before the move" in shown
    assert shown.count(" yes\n") == 4
    value = holdfast("backup", "show", CLUSTER, backup, "-o", "json", services=services).value
    assert (value["hold"]["held_by"], value["hold"]["reason"]) == (caller, "before the move")
    assert [each["held"] for each in value["locks"]] == [True] * 4
    assert "is released" in holdfast("backup", "unhold", CLUSTER, backup, services=services).stdout
    value = holdfast("backup", "show", CLUSTER, backup, "-o", "json", services=services).value
    assert (value["hold"], [each["held"] for each in value["locks"]]) == (None, [False] * 4)


def test_a_hold_without_object_lock_says_what_it_does_not_do() -> None:
    services = one_backup()
    backup = only_backup(services)
    services.bucket.object_lock = False
    ended = holdfast("backup", "hold", CLUSTER, backup, services=services)
    assert "note: the snapshots bucket has no Object Lock: whoever may delete its objects still can" in ended.stdout
    value = holdfast("backup", "hold", CLUSTER, backup, "-o", "json", services=services).value
    assert value["without_object_lock"] == ["snapshots"]


def test_show_has_the_end_of_each_objects_lock() -> None:
    services = one_backup()
    backup = only_backup(services)
    until = START + timedelta(days=30)
    services.bucket.lock(backup_key(CLUSTER, backup, MANIFEST), "compliance", until)
    shown = holdfast("backup", "show", CLUSTER, backup, services=services).stdout
    assert "2026-12-20 15:43:00Z, compliance" in shown
    (lock, *others) = holdfast("backup", "show", CLUSTER, backup, "-o", "json", services=services).value["locks"]
    assert (lock["mode"], lock["until"], lock["held"]) == ("compliance", "2026-12-20T15:43:00Z", False)
    assert {each["mode"] for each in others} == {None}


def test_whoever_may_not_see_locks_and_secrets_still_sees_the_backup() -> None:
    services = services_with()
    BackupMachine(services).execute(CLUSTER, START)
    backup = only_backup(services)
    services.store = FaultyBucket(services.bucket, [Fault("lock_state", access_denied, times=9)])
    shown = holdfast("backup", "show", CLUSTER, backup, services=services)
    assert shown.code == 0
    assert "not allowed to see" in shown.stdout


def test_latest_can_be_held_and_the_id_that_was_meant_is_told() -> None:
    services = one_backup()
    backup = only_backup(services)
    ended = holdfast("backup", "hold", CLUSTER, "latest", "-o", "json", services=services)
    assert (ended.code, ended.value["held"]) == (0, backup)
    assert hold_key(CLUSTER, backup) in services.bucket.objects
    assert holdfast("backup", "unhold", CLUSTER, "latest", services=services).code == 2
