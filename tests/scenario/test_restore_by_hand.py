"""The runbook's own commands, run with the tools that it names on a backup that the engine made."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from builders.backed_up import in_gzip, only_backup
from builders.machine import BackupMachine
from builders.real_etcd import real_snapshot
from builders.services import START, services_with
from holdfast.local.etcd_binaries import etcd_binary

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
