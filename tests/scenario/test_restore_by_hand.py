"""The runbook's own commands, run with the tools that it names on a backup that the engine made."""

import base64
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from builders.backed_up import in_gzip, one_backup, only_backup
from builders.doubled_restores import restorable
from builders.doubled_runs import CLUSTER
from builders.machine import BackupMachine
from builders.real_etcd import real_snapshot
from builders.services import START, MemoryServices, services_with
from holdfast.engine.catalog import load_manifest
from holdfast.engine.inspect import unpack_stream
from holdfast.engine.signing import public_half
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.planning.naming import backup_key
from holdfast.signing.memory import MemorySigningKey
from holdfast.signing.public_keys import pem

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "restore-by-hand.md"


def commands(word: str) -> list[str]:
    """The runbook's indented command lines that begin with a word, continuation lines joined."""
    text = RUNBOOK.read_text().replace("\\\n", " ")
    return [line.strip() for line in re.findall(r"^ {7}(\S.*)$", text, re.MULTILINE) if line.strip().startswith(word)]


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-euc", command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@pytest.fixture(params=["zstd", "gzip"])
def fetched(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What the `aws s3 cp` lines of the runbook bring: a backup of a real Kubernetes database, in either form."""
    services = services_with()
    services.member.snapshot_file = real_snapshot("a")
    BackupMachine(services).execute("prod-1", START)
    if request.param == "gzip":
        in_gzip(services, only_backup(services))
    for key, stored in services.bucket.objects.items():
        if not key.startswith("prod-1/runs/"):
            (tmp_path / key.rpartition("/")[2]).write_bytes(stored.body)
    return tmp_path


def test_the_runbook_unpacks_compares_and_restores(fetched: Path) -> None:
    manifest = json.loads((fetched / "manifest.json").read_text())
    packed = manifest["snapshot"]["key"].rpartition("/")[2]
    assert (fetched / packed).is_file()
    (unpack,) = (command for command in commands("umask") if packed in command)
    shell(unpack, fetched)
    assert (fetched / "snapshot.db").read_bytes() == real_snapshot("a")
    (body,) = commands("head")
    (trailer,) = commands("tail")
    assert shell(body, fetched).split()[0] == shell(trailer, fetched).strip()

    (restore,) = commands("etcdutl")
    restore = restore.split("--bump-revision")[0]  # the wheel's etcdutl is older than the flag
    for word, value in {"/var/lib/etcd.restored": "restored", "NODE": "n1", "DATE": "now", "IP": "10.0.0."}.items():
        restore = restore.replace(word, value)
    restore = restore.replace("https://10.0.0.:2380", "https://10.0.0.1:2380")
    shell(f"{etcd_binary('etcdutl')} {restore.removeprefix('etcdutl ')}", fetched)
    assert (fetched / "restored" / "member" / "snap" / "db").is_file()


def signed_backup(folder: Path) -> MemoryServices:
    """Its objects in `folder`, the public key beside them."""
    services = one_backup()
    for key, stored in services.bucket.objects.items():
        if not key.startswith("prod-1/runs/"):
            (folder / key.rpartition("/")[2]).write_bytes(stored.body)
    (folder / "signing-key.pem").write_text(public_half(services.signing).public_key)
    return services


def checked(folder: Path) -> str:
    """What openssl says at the end of the runbook's lines."""
    (cut_out,) = commands("sed")
    (verify,) = (command for command in commands("openssl") if "-verify" in command)
    shell(cut_out, folder)
    return subprocess.run(
        ["sh", "-c", f"{verify} 2>&1"], cwd=folder, capture_output=True, text=True, check=False
    ).stdout


def test_openssl_says_whose_manifest_it_is(tmp_path: Path) -> None:
    services = signed_backup(tmp_path)
    assert "Verified OK" in checked(tmp_path)
    manifest = tmp_path / "manifest.json"
    body = manifest.read_bytes()
    manifest.write_bytes(body.replace(b"prod-1", b"prod-2"))
    assert "Verif" in checked(tmp_path)
    assert "OK" not in checked(tmp_path)
    manifest.write_bytes(body)
    (tmp_path / "signing-key.pem").write_text(pem(MemorySigningKey().public_key()))
    assert "OK" not in checked(tmp_path)
    assert services.signing.key


def test_the_public_key_comes_out_of_what_kms_answers(tmp_path: Path) -> None:
    key = MemorySigningKey()
    (tmp_path / "answer").write_text(base64.b64encode(key.public_key()).decode() + "\n")
    (get,) = commands("aws kms")
    shell(get.replace(get.partition(" | ")[0], "cat answer"), tmp_path)
    (form,) = (command for command in commands("openssl") if "pkey" in command)
    shell(form, tmp_path)
    assert (tmp_path / "signing-key.pem").read_text() == pem(key.public_key())


def page_check(folder: Path, services: MemoryServices, page: str) -> "subprocess.CompletedProcess[str]":
    """The block of the page beside a backup, with an `aws` that copies from the bucket in memory."""
    (block,) = (each for each in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "signing-key.pem ]" in each)
    for key, stored in services.bucket.objects.items():
        place = folder / "s3" / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(stored.body)
    aws = 'aws() { cp "s3/${3#s3://snapshots/}" "$4"; }\nSNAPSHOTS=snapshots\n'
    return subprocess.run(["sh", "-eu"], input=aws + block, cwd=folder, capture_output=True, text=True, check=False)


def test_the_page_beside_a_backup_tells_a_doctored_one(tmp_path: Path) -> None:
    services, _, backup = restorable()
    page = services.bucket.read(backup_key(CLUSTER, backup, "runbook.md")).decode()
    snapshot = services.bucket.read(load_manifest(services.bucket, CLUSTER, backup)[0].snapshot.key)
    with (tmp_path / "snapshot.db").open("wb") as raw:
        unpack_stream([snapshot], raw)
    ended = page_check(tmp_path, services, page)
    assert "not checked" in ended.stdout
    (tmp_path / "signing-key.pem").write_text(public_half(services.signing).public_key)
    ended = page_check(tmp_path, services, page)
    assert ended.returncode == 0, ended.stderr
    assert "Verified OK" in ended.stdout
    assert '"sha256": "' in ended.stdout

    (tmp_path / "snapshot.db").write_bytes(b"doctored" * 200)
    assert page_check(tmp_path, services, page).returncode != 0
    (tmp_path / "signing-key.pem").write_text(pem(MemorySigningKey().public_key()))
    assert page_check(tmp_path, services, page).returncode != 0


@pytest.mark.parametrize("tool", ["zstd", "gzip"])
def test_the_runbook_unpacks_a_bundle_with_its_modes(tool: str, tmp_path: Path) -> None:
    key = tmp_path / "sa.key"
    key.write_bytes(b"not a real key")
    key.chmod(0o600)
    with tarfile.open(tmp_path / "plain.tar", "w") as tar:
        tar.add(key, "etc/kubernetes/pki/sa.key")
    shell(f"{tool} -c plain.tar > bundle.tar", tmp_path)

    (unpack,) = (command for command in commands("umask") if "bundle.tar" in command)
    shell(unpack.replace("zstd -dc", f"{tool} -dc"), tmp_path)
    brought = tmp_path / "files" / "etc" / "kubernetes" / "pki" / "sa.key"
    assert (brought.read_bytes(), brought.stat().st_mode & 0o777) == (b"not a real key", 0o600)
