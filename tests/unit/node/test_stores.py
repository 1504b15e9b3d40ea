"""Nodes and a store of one's own: its authority, its proxy, its headers, with the real curl and our own signed URLs."""

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders.connect_proxy import ConnectProxy, connect_proxy
from builders.fault_proxy import FaultProxy, HttpFault, fault_proxy
from builders.restore_node import RestoreNode
from builders.s3_server import new_bucket
from builders.shell import Ended, NodeProgram, Shell, toolbox
from builders.stores import server_tls, storage, stores
from holdfast.engine.urls import values_of
from holdfast.local.pki import CertificateAuthority, issue_ca
from holdfast.models.node import BundleReport
from holdfast.storage.base import UploadGrants, UrlUse

KMS = {"kind": "kms", "key": "a-key", "secrets_key": "the-key-for-secrets"}
# A bucket policy that demands the secrets' own key.
DEMAND = HttpFault(
    "PUT", "", "answer", times=99, status=403, code="AccessDenied",
    unless=("x-amz-server-side-encryption-aws-kms-key-id", "the-key-for-secrets"),
)  # fmt: skip


@dataclass
class Away:
    """A store under a private authority, whose bucket demands headers."""

    proxy: FaultProxy
    authority: CertificateAuthority
    bucket: str
    direct: Any

    def grants(self, **changes: Any) -> UploadGrants:
        fields = {"endpoint": self.proxy.url, "secrets_bucket": self.bucket, "ca": self.authority.certificate}
        spec = storage(**{"encryption": KMS, **fields, **changes})
        return stores().open(spec, "secrets", "unused").grants


@pytest.fixture
def away(s3_url: str, client: Any, tmp_path: Path) -> Iterator[Away]:
    authority = issue_ca("The store's authority")
    with fault_proxy(s3_url, [DEMAND], tls=server_tls(authority, tmp_path)) as proxy:
        yield Away(proxy, authority, new_bucket(client), client)


def send_bundle(folder: Path, grants: UploadGrants, use: UrlUse, shell: Shell = "dash", **environment: str) -> Ended:
    secret = folder / "etc" / "sa.key"
    secret.parent.mkdir()
    secret.write_text("PRIVATE")
    secrets = {
        f"{name}_url": grants.put_url(name, expires_s=60).get_secret_value() for name in ("bundle", "certificates")
    }
    values = {"paths": str(secret.parent), "encryption_config": "", **values_of(use)}
    tools = toolbox(folder / "bin", shell)
    program = NodeProgram("bundle", folder / "step", shell, tools, values, secrets, environment)
    ended = program.run()
    assert program.left() == set()
    return ended


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_a_bundle_arrives_where_authority_and_headers_are_demanded(away: Away, tmp_path: Path, shell: Shell) -> None:
    grants = away.grants()
    ended = send_bundle(tmp_path, grants, grants.url_use("bundle"), shell)
    assert ended.exit_code == 0, ended
    body = away.direct.get_object(Bucket=away.bucket, Key="bundle")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == BundleReport.model_validate(ended.report).object_sha256
    sent = [headers for headers in away.proxy.headers if "content-md5" in headers]
    assert {each["x-amz-server-side-encryption"] for each in sent} == {"aws:kms"}
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ca": ""}, "upload_untrusted"),
        ({"ca": "another"}, "upload_untrusted"),
        ({"put_headers": ()}, "upload_denied"),
        ({"proxy": "http://127.0.0.1:1"}, "upload_unreachable"),
    ],
)
def test_what_a_node_is_not_told_right_is_told_back_by_its_reason(
    away: Away, tmp_path: Path, changed: dict[str, Any], code: str
) -> None:
    grants = away.grants()
    use = grants.url_use("bundle")
    if changed.get("ca"):
        changed = {"ca": issue_ca().certificate}
    ended = send_bundle(tmp_path, grants, UrlUse(**{**vars(use), **changed}))
    assert ended.code == code
    assert away.direct.list_objects_v2(Bucket=away.bucket)["KeyCount"] == 0
    assert ("127.0.0.1:1" in ended.report["message"]) == ("proxy" in changed)


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    with connect_proxy() as proxy:
        yield proxy


def test_a_node_goes_through_the_stores_proxy_and_not_through_its_own(
    away: Away, proxy: ConnectProxy, tmp_path: Path
) -> None:
    grants = away.grants(proxy=proxy.url)
    ended = send_bundle(tmp_path, grants, grants.url_use("bundle"), https_proxy="http://127.0.0.1:1")
    assert ended.exit_code == 0, ended
    assert set(proxy.asked) == {away.proxy.url.removeprefix("https://")}


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_what_a_restore_fetches_comes_from_the_same_store(
    away: Away, proxy: ConnectProxy, tmp_path: Path, shell: Shell
) -> None:
    """Peers know the authority when they back up, and forget it when they restore."""
    raw = b"x" * 512
    raw += hashlib.sha256(raw).digest()
    packed = subprocess.run(["zstd", "-q", "-c"], input=raw, capture_output=True, check=True, timeout=30).stdout
    away.direct.put_object(Bucket=away.bucket, Key="snapshot", Body=packed)
    grants = away.grants(proxy=proxy.url)
    node = RestoreNode(tmp_path / "node", shell)
    url = {"snapshot_url": grants.read_url("snapshot", expires_s=60).get_secret_value()}
    wanted = {"sha256": raw[-32:].hex(), "raw_size": str(len(raw)), "compression": "zstd"}
    assert node.run("fetch", url, **wanted).code == "download_untrusted"
    assert node.done("fetch", url, **wanted, **values_of(grants.url_use("snapshot"))) == {"bytes": len(raw)}
    assert (node.keep / "snapshot.db").read_bytes() == raw
    assert proxy.asked
