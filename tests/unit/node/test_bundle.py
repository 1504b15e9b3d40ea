"""node/bundle.sh: what a restore needs beside the database arrives whole, and its public part without any secret."""

import base64
import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.node_snapshot import presigned
from builders.s3_server import client_of
from builders.shell import Ended, NodeProgram, Shell, toolbox
from holdfast.facts.certificates import read_certificates
from holdfast.local.pki import issue_ca
from holdfast.models.node import BundleReport

ENCRYPTION = """\
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: ["secrets", configmaps]
    providers:
      - aescbc:
          keys:
            - name: key-2026   # the newest
              secret: c2VjcmV0IGlzIHNlY3VyZQ==
            # - name: commented
            - secret: bmFtZTogbm90LWEtbmFtZQ==
              name: "key1"
      - kms:
          apiVersion: v2
          name: vault
          endpoint: unix:///run/kms.sock
      - secretbox: {keys: [{name: box, secret: YWJjZGVmZ2hpamts}]}
      - identity: {}
"""
# As K3s and RKE2 write it.
ENCRYPTION_JSON = (
    '{"kind":"EncryptionConfiguration","resources":[{"resources":["secrets"],"providers":[{"aescbc":{"keys":'
    '[{"name":"aescbckey","secret":"c2VjcmV0"}]}},{"identity":{}}]}]}'
)


@dataclass
class Machine:
    """The files of a control-plane node, below a folder."""

    folder: Path
    shell: Shell

    def write(self, path: str, text: str) -> Path:
        file = self.folder / "etc" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    @property
    def etc(self) -> str:
        return str(self.folder / "etc")

    def run(
        self,
        client: Any,
        bucket: str,
        paths: list[str],
        *,
        without: tuple[str, ...] = (),
        stubs: dict[str, str] | None = None,
        encryption_config: str = "",
    ) -> Ended:
        tools = toolbox(self.folder / "bin", self.shell, without=without, stubs=stubs)
        urls = {name: presigned(client, "put_object", Bucket=bucket, Key=name) for name in ("bundle", "certificates")}
        values = {"paths": "\n".join(paths), "encryption_config": encryption_config}
        secrets = {f"{name}_url": url for name, url in urls.items()}
        program = NodeProgram("bundle", self.folder / "step", self.shell, tools, values, secrets)
        ended = program.run()
        assert program.left() == set()
        return ended


@pytest.fixture(params=["dash", "busybox"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return Machine(tmp_path, request.param)


@pytest.fixture
def stored(client: Any, bucket: str) -> Callable[[str], bytes]:
    return lambda key: bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())


def opened(bundle: bytes, tool: str = "zstd") -> tarfile.TarFile:
    plain = subprocess.run([tool, "-d", "-c"], input=bundle, capture_output=True, check=True, timeout=30).stdout
    return tarfile.open(fileobj=io.BytesIO(plain))


def state_of(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_mode, found.st_mtime_ns, found.st_ino


@pytest.mark.parametrize("without", [(), ("zstd",)], ids=["zstd", "gzip"])
def test_everything_arrives_and_nothing_is_changed(
    machine: Machine, client: Any, bucket: str, stored: Callable[[str], bytes], without: tuple[str, ...]
) -> None:
    key = machine.write("pki/sa.key", "PRIVATE")
    key.chmod(0o000)
    odd = machine.write("pki/-rf $(touch evil) 'x'.txt", "odd")
    before = [state_of(key), state_of(odd), state_of(key.parent)]
    missing = f'{machine.etc}/no "such" file'
    ended = machine.run(client, bucket, [f"{machine.etc}/pki", missing], without=without)
    assert ended.exit_code == 0, ended
    report = BundleReport.model_validate(ended.report)
    bundle = stored("bundle")
    assert (report.size, report.object_sha256) == (len(bundle), hashlib.sha256(bundle).hexdigest())
    assert (report.files, report.missing, report.warnings) == (2, (missing,), ())
    with opened(bundle, report.compression) as tar:
        files = {member.name: member for member in tar if member.isfile()}
        assert set(files) == {str(path).lstrip("/") for path in (key, odd)}
        assert files[str(key).lstrip("/")].mode == 0
    assert [state_of(key), state_of(odd), state_of(key.parent)] == before


def test_a_link_is_kept_and_what_it_leads_to_is_packed_too(
    machine: Machine, client: Any, bucket: str, stored: Callable[[str], bytes]
) -> None:
    target = machine.write("elsewhere/ca.crt", "target")
    folder = machine.write("real/inside.txt", "inside").parent
    (machine.folder / "etc" / "pki").mkdir()
    (machine.folder / "etc" / "pki" / "ca.crt").symlink_to(target)
    (machine.folder / "etc" / "kubernetes").symlink_to(folder)
    ended = machine.run(client, bucket, [f"{machine.etc}/pki", f"{machine.etc}/kubernetes"])
    assert ended.exit_code == 0, ended
    with opened(stored("bundle")) as tar:
        kinds = {f"/{member.name}": member.type for member in tar}
    assert kinds[f"{machine.etc}/pki/ca.crt"] == kinds[f"{machine.etc}/kubernetes"] == tarfile.SYMTYPE
    assert kinds[str(target)] == kinds[f"{folder}/inside.txt"] == tarfile.REGTYPE


def test_what_is_asked_for_twice_is_packed_once(
    machine: Machine, client: Any, bucket: str, stored: Callable[[str], bytes]
) -> None:
    """A link in a folder to a file of it, as the kubelet has for its certificate, and a folder below another."""
    target = machine.write("pki/kubelet-2026.pem", "x")
    (target.parent / "kubelet.pem").symlink_to(target)
    paths = [f"{machine.etc}/pki/kubelet-2026.pem", f"{machine.etc}/pki", machine.etc, f"{machine.etc}/"]
    ended = machine.run(client, bucket, paths, encryption_config=str(target))
    assert ended.report["files"] == 1
    with opened(stored("bundle")) as tar:
        names = tar.getnames()
        assert not [member for member in tar if member.islnk()]
    assert len(names) == len(set(names)) == 4


def test_the_certificates_are_public_ones_only(
    machine: Machine, client: Any, bucket: str, stored: Callable[[str], bytes]
) -> None:
    authority = issue_ca()
    leaf = authority.issue_client()
    ca, cert, key = authority.certificate, leaf.certificate, leaf.key
    secret = [line for line in key.splitlines() if "-----" not in line]
    machine.write("pki/ca.crt", ca)
    machine.write("pki/both.pem", f"{key}\n{cert.replace(chr(10), chr(13) + chr(10))}\n{ca}")
    machine.write("pki/cut.pem", f"{cert.split('-----END')[0]}{key}")
    machine.write("pki/sa.key", key)
    machine.write("pki/only-key.pem", key)
    data = base64.b64encode(f"{cert}\n{key}".encode()).decode()
    kubeconfig = f'users:\n- name: a\n  user:\n    client-certificate-data: "{data}"\n    client-key-data: {data}\n'
    machine.write("admin.conf", kubeconfig)
    ended = machine.run(client, bucket, [machine.etc])
    assert ended.exit_code == 0, ended
    text = stored("certificates").decode()
    assert "PRIVATE" not in text
    assert not [line for line in secret if line in text]
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        f"# {machine.etc}/{name}" for name in ("admin.conf", "pki/both.pem", "pki/ca.crt")
    ]
    found = read_certificates(text)
    assert [each.path.rpartition("/")[2] for each in found] == ["admin.conf", "both.pem", "both.pem", "ca.crt"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (ENCRYPTION, ("aescbc:key-2026", "aescbc:key1", "kms:vault", "secretbox:box")),
        (ENCRYPTION_JSON, ("aescbc:aescbckey",)),
    ],
    ids=["yaml", "json"],
)
def test_encryption_keys_are_named_and_their_file_is_packed(
    machine: Machine, client: Any, bucket: str, stored: Callable[[str], bytes], text: str, names: tuple[str, ...]
) -> None:
    file = machine.write("encryption.yaml", text)
    machine.write("pki/ca.crt", "x")
    ended = machine.run(client, bucket, [f"{machine.etc}/pki"], encryption_config=str(file))
    assert tuple(ended.report["encryption_keys"]) == names
    assert "c2Vj" not in str(ended)
    with opened(stored("bundle")) as tar:
        assert str(file).lstrip("/") in tar.getnames()


def test_a_node_without_any_of_the_files_is_told(machine: Machine, client: Any, bucket: str) -> None:
    assert machine.run(client, bucket, [f"{machine.etc}/pki", "relative", ""]).code == "node_bundle_empty"


def test_a_file_that_changes_while_it_is_read_costs_a_warning(tmp_path: Path, client: Any, bucket: str) -> None:
    """GNU tar's exit code 1."""
    machine = Machine(tmp_path, "dash")
    machine.write("pki/ca.crt", "x")
    stub = """[ "$1" = --version ] && exec /usr/bin/tar --version
/usr/bin/tar "$@"; echo "tar: /x: file changed as we read it" >&2; exit 1"""
    ended = machine.run(client, bucket, [machine.etc], stubs={"tar": stub})
    assert ended.report["warnings"] == ["tar: tar: /x: file changed as we read it"]


@pytest.mark.parametrize(
    ("stub", "code"),
    [
        ("echo 'tar: boom' >&2; exit 2", "node_tool_failed"),
        ("echo 'tar: write error: No space left on device' >&2; exit 2", "node_disk_full"),
    ],
)
def test_a_tar_that_fails_sends_nothing(machine: Machine, client: Any, bucket: str, stub: str, code: str) -> None:
    machine.write("pki/ca.crt", "x")
    assert machine.run(client, bucket, [machine.etc], stubs={"tar": stub}).code == code
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_disk_that_is_short_is_told(machine: Machine, client: Any, bucket: str) -> None:
    machine.write("pki/ca.crt", "x")
    df = "printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n/dev/a 1 1 0 100%% /a\\n'"
    assert machine.run(client, bucket, [machine.etc], stubs={"df": df}).code == "node_disk_short"


def test_a_bundle_that_is_refused_is_told(machine: Machine, client: Any, bucket: str, s3_url: str) -> None:
    machine.write("pki/ca.crt", "x")
    with fault_proxy(s3_url, [HttpFault("PUT", "certificates", "answer", 99, 403, "AccessDenied")]) as proxy:
        ended = machine.run(client_of(proxy.url), bucket, [machine.etc])
    assert ended.code == "upload_denied"
    assert ended.report["message"].startswith("the certificates at 127.0.0.1:")


def test_root_is_not_needed_for_files_that_can_be_read(machine: Machine, client: Any, bucket: str) -> None:
    machine.write("manifests/etcd.yaml", "kind: Pod")
    os.mkfifo(machine.folder / "etc" / "pipe")
    ended = machine.run(client, bucket, [machine.etc])
    assert ended.exit_code == 0, ended
    assert ended.report["files"] == 1
