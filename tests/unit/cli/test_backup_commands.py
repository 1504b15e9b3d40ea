"""`holdfast backup` over the shipped doubles, with backups that the engine made."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builders.backed_up import doctor_manifest, in_gzip, through_nodes, unverified
from builders.command_line import holdfast
from builders.doubled_runs import run as doubled_run
from builders.doubled_runs import three
from builders.machine import BackupMachine
from builders.runs import failed, run_record, succeeded
from builders.services import START, MemoryServices, services_with
from holdfast.errors import HoldfastError, PermanentError
from holdfast.models.run import ErrorInfo, Outcome, Progress
from holdfast.planning.naming import SIGNATURE, SNAPSHOT, backup_key
from holdfast.signing.base import Signing
from holdfast.signing.public_keys import pem
from holdfast.storage.faulty import Fault, FaultyBucket, access_denied, bucket_missing, clock_skew, slow_down
from holdfast.storage.memory import MemoryBucket


def backed_up(hours: int = 0, services: MemoryServices | None = None) -> tuple[MemoryServices, str]:
    services = services or services_with()
    outcome = BackupMachine(services).execute("prod-1", START + timedelta(hours=hours))
    assert outcome.backup_id
    return services, outcome.backup_id


def with_a_flipped_bit(services: MemoryServices, backup: str) -> None:
    key = backup_key("prod-1", backup, SNAPSHOT)
    stored = services.bucket.objects[key]
    body = bytearray(stored.body)
    body[len(body) // 2] ^= 1
    services.bucket.objects[key] = replace(stored, body=bytes(body))


def test_list_has_one_entry_per_backup_the_newest_first() -> None:
    services, older = backed_up()
    _, newer = backed_up(hours=1, services=services)
    entries = holdfast("backup", "list", "prod-1", "-o", "json", services=services).value["backups"]
    assert [(entry["backup_id"], entry["state"]) for entry in entries] == [(newer, "verified"), (older, "verified")]
    assert newer in holdfast("backup", "list", "prod-1", services=services).stdout


def test_list_without_backups_says_so_and_an_unknown_cluster_is_an_error() -> None:
    assert (
        holdfast("backup", "list", "prod-1", services=services_with()).stdout == "cluster prod-1 has no backups yet\n"
    )
    assert holdfast("backup", "list", "prod-2", services=services_with()).code == 1


def test_backups_of_a_removed_cluster_are_still_listed() -> None:
    services, backup = backed_up()
    services.clusters.remove("prod-1")
    assert backup in holdfast("backup", "list", "prod-1", services=services).stdout


def test_show_has_the_manifest_and_what_the_verification_found() -> None:
    services, backup = backed_up()
    shown = holdfast("backup", "show", "prod-1", "latest", "-o", "json", services=services).value
    assert shown["manifest"]["backup_id"] == backup
    assert shown["verification"]["database"]["live_keys"] == 38
    assert shown["damage"] is None
    assert "38 live" in holdfast("backup", "show", "prod-1", backup, services=services).stdout


def test_show_has_the_node_and_what_the_bundles_of_the_nodes_hold() -> None:
    services, backup = backed_up()
    assert "none: only a path that reaches" in holdfast("backup", "show", "prod-1", backup, services=services).stdout
    through_nodes(services, backup)
    lines = holdfast("backup", "show", "prod-1", backup, services=services).stdout.splitlines()
    assert "through    ssh, on node n2" in lines
    assert f"secrets    n1, n2, in the secrets bucket below prod-1/{backup}/" in lines
    header, first, second = (line.split() for line in lines[lines.index("") + 1 :][:3])
    assert header == ["NODE", "FILES", "SIZE", "FIRST", "CERTIFICATE", "TO", "END", "ENCRYPTION", "KEYS"]
    assert first == ["n1", "31", "41.5", "kB", "2027-03-04", "pki/apiserver.crt", "aescbc:key1,", "identity:-"]
    assert second == ["n2", "31", "41.5", "kB", "-", "-"]


def test_show_as_json_has_every_field_of_a_bundle() -> None:
    services, backup = backed_up()
    through_nodes(services, backup)
    manifest = holdfast("backup", "show", "prod-1", backup, "-o", "json", services=services).value["manifest"]
    assert (manifest["source"]["transport"], manifest["source"]["node"]) == ("ssh", "n2")
    assert manifest["snapshot"]["compression"] == "zstd"
    assert manifest["bundles"][0] == {
        "node": "n1",
        "key": f"prod-1/{backup}/n1/bundle.tar",
        "size": 41_500,
        "object_sha256": "0" * 64,
        "compression": "gzip",
        "files": 31,
        "certificates": [
            {"path": "pki/ca.crt", "subject": "CN=kubernetes", "not_after": "2036-01-01T00:00:00Z", "is_ca": True},
            {
                "path": "pki/apiserver.crt",
                "subject": "CN=kube-apiserver",
                "not_after": "2027-03-04T00:00:00Z",
                "is_ca": False,
            },
        ],
        "encryption_keys": ["aescbc:key1", "identity:-"],
    }


def test_a_backup_in_gzip_is_listed_shown_verified_and_downloaded_as_any_other(tmp_path: Path) -> None:
    services, backup = backed_up()
    sent = in_gzip(services, backup).snapshot
    (entry,) = holdfast("backup", "list", "prod-1", "-o", "json", services=services).value["backups"]
    assert (entry["state"], entry["size"]) == ("verified", sent.size)
    assert sent.key in holdfast("backup", "show", "prod-1", backup, services=services).stdout
    assert holdfast("backup", "verify", "prod-1", backup, services=services).stdout.startswith(f"sound: {backup}")
    ended = holdfast("backup", "download", "prod-1", backup, str(tmp_path), "-o", "json", services=services)
    assert Path(ended.value["path"]).name == "snapshot.db"
    assert Path(ended.value["path"]).read_bytes() == services.member.snapshot_file


def test_download_says_which_files_of_the_nodes_it_leaves(tmp_path: Path) -> None:
    services, backup = backed_up()
    through_nodes(services, backup)
    shown = holdfast("backup", "download", "prod-1", backup, str(tmp_path), services=services).stdout
    assert f"not fetched  prod-1/{backup}/n1/bundle.tar in the secrets bucket" in shown


def test_latest_is_the_newest_verified_one() -> None:
    services, older = backed_up()
    _, newer = backed_up(hours=1, services=services)
    unverified(services, newer)
    shown = holdfast("backup", "show", "prod-1", "latest", "-o", "json", services=services).value
    assert shown["manifest"]["backup_id"] == older
    unverified(services, older)
    ended = holdfast("backup", "show", "prod-1", "latest", services=services)
    assert ended.code == 1
    assert "error[no_verified_backup]" in ended.stderr


@pytest.mark.parametrize(
    ("backup", "code", "error"),
    [("yesterday", 2, "backup_id_invalid"), ("20260101T000000Z-r-000000", 1, "backup_unknown")],
)
def test_a_backup_that_is_not_there_is_told_from_one_that_cannot_be(backup: str, code: int, error: str) -> None:
    ended = holdfast("backup", "show", "prod-1", backup, "-o", "json", services=services_with())
    assert (ended.code, ended.error["code"]) == (code, error)


def test_verify_reads_the_backup_back() -> None:
    services, backup = backed_up()
    ended = holdfast("backup", "verify", "prod-1", "latest", services=services)
    assert ended.code == 0
    assert ended.stdout.startswith(f"sound: {backup}")
    verified = holdfast("backup", "verify", "prod-1", backup, "-o", "json", services=services).value["verification"]
    assert verified["database"]["live_keys"] == 38


def test_verify_of_a_damaged_backup_exits_1() -> None:
    services, backup = backed_up()
    with_a_flipped_bit(services, backup)
    ended = holdfast("backup", "verify", "prod-1", backup, "-o", "json", services=services)
    assert ended.code == 1
    assert ended.error["family"] == "damaged"
    assert ended.stdout == ""


def test_verify_makes_a_sealed_backup_verified_and_a_rotten_one_damaged_unless_told_only_to_look() -> None:
    services, backup = backed_up()
    unverified(services, backup)

    def state_after(*arguments: str) -> str:
        holdfast("backup", "verify", "prod-1", backup, *arguments, services=services)
        return str(holdfast("backup", "list", "prod-1", "-o", "json", services=services).value["backups"][0]["state"])

    assert state_after("--no-record") == "sealed"
    assert state_after() == "verified"
    with_a_flipped_bit(services, backup)
    assert state_after("--no-record") == "verified"
    assert state_after() == "damaged"


def test_download_brings_the_raw_snapshot(tmp_path: Path) -> None:
    services, backup = backed_up()
    ended = holdfast("backup", "download", "prod-1", "latest", str(tmp_path), "-o", "json", services=services)
    assert ended.code == 0
    assert Path(ended.value["path"]).read_bytes() == services.member.snapshot_file
    assert ended.value["manifest"]["backup_id"] == backup
    assert json.loads((tmp_path / "manifest.json").read_text())["backup_id"] == backup
    again = holdfast("backup", "download", "prod-1", "latest", str(tmp_path), services=services)
    assert again.code == 3
    assert "error[file_exists]" in again.stderr


def test_download_of_a_damaged_backup_leaves_no_file(tmp_path: Path) -> None:
    services, backup = backed_up()
    with_a_flipped_bit(services, backup)
    assert holdfast("backup", "download", "prod-1", backup, str(tmp_path), services=services).code == 1
    assert list(tmp_path.iterdir()) == []


def test_run_starts_an_execution_and_names_it() -> None:
    services = services_with()
    ended = holdfast("backup", "run", "prod-1", "-o", "json", services=services)
    started = ended.value["started"]
    assert started["new"] is True
    assert json.loads(services.executions.payloads[started["run_id"]]) == {"cluster": "prod-1", "kind": "manual"}


def test_a_run_may_be_forced() -> None:
    services = services_with()
    started = holdfast("backup", "run", "prod-1", "--force", "-o", "json", services=services).value["started"]
    assert json.loads(services.executions.payloads[started["run_id"]])["force"] is True


def test_a_backup_that_is_possibly_dirty_is_listed_and_shown_as_such() -> None:
    services, _ = three(edit=lambda report: report | {"possibly_dirty": True})
    outcome = doubled_run(services)
    assert "sealed, possibly dirty" in " ".join(holdfast("backup", "list", "prod-1", services=services).stdout.split())
    shown = holdfast("backup", "show", "prod-1", str(outcome.backup_id), services=services).stdout
    assert "possibly dirty: it was forced" in " ".join(shown.split())
    verified = holdfast("backup", "verify", "prod-1", str(outcome.backup_id), services=services)
    assert (verified.code, "backup_possibly_dirty" in verified.stderr) == (3, True)


def test_run_of_an_unknown_cluster_starts_nothing() -> None:
    services = services_with()
    assert holdfast("backup", "run", "prod-2", services=services).code == 1
    assert services.executions.payloads == {}


def the_run(services: MemoryServices) -> str:
    return next(iter(services.executions.payloads))


def refused() -> Outcome:
    error = ErrorInfo(code="lease_held", family="refused", message="another run is at work")
    return failed(status="refused", error=error)


@pytest.mark.parametrize(("outcome", "code"), [(succeeded, 0), (failed, 1), (refused, 3)])
def test_run_wait_shows_the_phases_and_ends_as_the_run_does(outcome: Callable[[], Outcome], code: int) -> None:
    services = services_with()

    def begin() -> None:
        services.runs.open(run_record(the_run(services)))
        services.executions.enter(the_run(services), "Started")

    def stream() -> None:
        services.executions.enter(the_run(services), "Snapshot")
        progress = Progress(phase="Snapshot", done=45, total=100)
        services.runs.progress("prod-1", the_run(services), progress)

    def end() -> None:
        services.runs.close(outcome().model_copy(update={"run_id": the_run(services)}))
        services.executions.finish(the_run(services))

    ended = holdfast(
        "backup", "run", "prod-1", "--wait", "-o", "json", services=services, while_waiting=[begin, stream, end]
    )
    assert ended.code == code
    assert ended.value["run"]["outcome"]["status"] == outcome().status
    lines = [line.split(maxsplit=1)[1] for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert lines[:2] == ["Started", "Snapshot 45 % of 100 B"]
    if code:
        reason = outcome().error
        assert reason
        assert ended.error["code"] == reason.code
    else:
        assert lines[2:] == ["Seal", "Verify", "Retain", "Finished"]


def test_show_and_verify_say_what_is_known_of_the_signature() -> None:
    services, backup = backed_up()
    for command in ("show", "verify"):
        assert (
            "good: by a key that this installation trusts"
            in holdfast("backup", command, "prod-1", backup, services=services).stdout
        )
    services.bucket.remove([backup_key("prod-1", backup, SIGNATURE)])
    assert "missing: older than" in holdfast("backup", "show", "prod-1", backup, services=services).stdout
    services.signing = Signing()
    assert "not checked" in holdfast("backup", "show", "prod-1", backup, services=services).stdout


@pytest.mark.parametrize("command", ["show", "verify", "download"])
def test_of_a_doctored_manifest_nothing_is_shown_or_fetched(command: str, tmp_path: Path) -> None:
    services, backup = backed_up()
    doctor_manifest(services, backup, warnings=["all is well"])
    more = [str(tmp_path / "new")] if command == "download" else []
    ended = holdfast("backup", command, "prod-1", backup, *more, services=services)
    assert (ended.code, ended.stdout) == (3, "")
    assert "manifest_signature_invalid" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_download_brings_the_signature_that_openssl_reads(tmp_path: Path) -> None:
    services, backup = backed_up()
    assert holdfast("backup", "download", "prod-1", backup, str(tmp_path), services=services).code == 0
    assert json.loads((tmp_path / SIGNATURE).read_text())["algorithm"] == "ECDSA_SHA_256"


def test_the_public_key_is_printed_as_it_is_kept() -> None:
    services = services_with()
    ended = holdfast("backup", "signing-key", services=services)
    assert services.signing.key
    assert ended.stdout == pem(services.signing.key.public_key())
    services.signing = Signing()
    assert holdfast("backup", "signing-key", services=services).code == 1


def test_show_says_whether_the_copy_is_there() -> None:
    services, backup = backed_up()
    lines = holdfast("backup", "show", "prod-1", backup, services=services).stdout.splitlines()
    assert "copy       none: the stack keeps no copies, or the cluster has a store of its own" in lines
    services.copied = MemoryBucket("copies")
    assert "missing: there is no copy of" in holdfast("backup", "show", "prod-1", backup, services=services).stdout
    services.copied.objects = dict(services.bucket.objects)
    shown = holdfast("backup", "show", "prod-1", backup, "-o", "json", services=services).value["copy"]
    assert (shown["kind"], shown["compared"]) == ("there", True)


def test_a_copy_that_may_not_be_looked_at_hides_nothing_else() -> None:
    services, backup = backed_up()
    services.copied = MemoryBucket("copies")

    def denied(key: str, **_: int) -> bytes:
        raise PermanentError("storage_access_denied", key)

    services.copied.read = denied  # type: ignore[method-assign,assignment]
    ended = holdfast("backup", "show", "prod-1", backup, services=services)
    assert ended.code == 0
    assert "could not be looked at: storage_access_denied" in ended.stdout


@pytest.mark.parametrize("fault", [access_denied, bucket_missing, clock_skew, slow_down])
def test_a_listing_that_fails_is_an_error_and_never_no_backups(fault: Callable[[], HoldfastError]) -> None:
    services = services_with()
    services.store = FaultyBucket(services.bucket, [Fault("list", fault, times=99)])
    ended = holdfast("backup", "list", "prod-1", services=services)
    assert ended.code == 1
    assert f"error[{fault().code}]" in ended.stderr
    assert ended.stdout == ""
