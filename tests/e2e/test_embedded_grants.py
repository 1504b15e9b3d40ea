"""Presigned uploads over a store that checks what it gets, sent with curl as a node sends them."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from builders.granted import Granted, md5_of, over_s3
from holdfast.engine.stored_head import check_stored
from holdfast.errors import PermanentError
from holdfast.models.backup import SnapshotObject
from holdfast.storage.base import SentPart
from holdfast.storage.checksums import sha256_digest

MIB = 1024 * 1024
KEY = "prod-1/some backup/snapshot.db.zst"
BODIES = (os.urandom(5 * MIB), b"the rest")


@pytest.fixture
def store(s3_url: str) -> Granted:
    return over_s3(s3_url, versioned=True)


def curl(url: SecretStr, body: bytes, folder: Path, *, content_md5: str | None = None) -> str:
    """The answer's status. The URL goes through a file, as on a node: no argument list shows it."""
    (folder / "body").write_bytes(body)
    options = f'url = "{url.get_secret_value()}"\nheader = "Content-MD5: {content_md5 or md5_of(body)}"\n'
    (folder / "options").write_text(options)
    command = ["curl", "-sS", "-T", "body", "-K", "options", "-o", "answer", "-w", "%{http_code}"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def sent(store: Granted, folder: Path) -> tuple[str, tuple[SentPart, ...]]:
    upload_id = store.grants.begin_upload(KEY, content_type="application/zstd")
    urls = store.grants.part_urls(KEY, upload_id, len(BODIES), expires_s=60)
    assert [curl(url, body, folder) for url, body in zip(urls, BODIES, strict=True)] == ["200", "200"]
    return upload_id, store.grants.sent_parts(KEY, upload_id)


def as_sealed(checksum: str) -> SnapshotObject:
    body = b"".join(BODIES)
    digest = sha256_digest(body).hex()
    now = datetime.now(UTC)
    return SnapshotObject(
        key=KEY,
        size=len(body),
        object_sha256=digest,
        raw_size=len(body),
        sha256=digest,
        checksum=checksum,
        compression="zstd",
        version_id=None,
        started_at=now,
        finished_at=now,
    )


def test_parts_sent_by_curl_become_an_object_that_the_seal_accepts(store: Granted, tmp_path: Path) -> None:
    upload_id, parts = sent(store, tmp_path)
    assert [(part.number, part.size) for part in parts] == [(1, 5 * MIB), (2, 8)]
    completed = store.grants.complete_upload(KEY, upload_id, parts)
    info = store.reader.head(KEY)
    assert (completed.checksum, completed.version_id) == (info.checksum, info.version_id)
    assert completed.checksum.startswith("etag:")
    assert completed.version_id
    check_stored(store.reader, as_sealed(completed.checksum))
    assert store.reader.read(KEY) == b"".join(BODIES)


def test_completing_again_finds_the_object_that_was_made(store: Granted, tmp_path: Path) -> None:
    upload_id, parts = sent(store, tmp_path)
    first = store.grants.complete_upload(KEY, upload_id, parts)
    assert store.grants.complete_upload(KEY, upload_id, parts) == first


def test_an_upload_that_was_aborted_is_gone(store: Granted, tmp_path: Path) -> None:
    upload_id, parts = sent(store, tmp_path)
    (late,) = store.grants.part_urls(KEY, upload_id, 1, expires_s=60)
    store.grants.abort_upload(KEY, upload_id)
    store.grants.abort_upload(KEY, upload_id)
    for call in (
        lambda: store.grants.sent_parts(KEY, upload_id),
        lambda: store.grants.complete_upload(KEY, upload_id, parts),
    ):
        with pytest.raises(PermanentError) as error:
            call()
        assert error.value.code == "upload_gone"
    assert curl(late, b"late", tmp_path) == "404"
    assert store.unfinished() == 0


def test_a_part_whose_bytes_changed_on_the_way_is_refused(store: Granted, tmp_path: Path) -> None:
    upload_id = store.grants.begin_upload(KEY, content_type="application/zstd")
    (url,) = store.grants.part_urls(KEY, upload_id, 1, expires_s=60)
    assert curl(url, b"changed", tmp_path, content_md5=md5_of(b"sent")) == "400"
    assert store.grants.sent_parts(KEY, upload_id) == ()


def test_an_expired_url_and_one_that_was_altered_are_refused(store: Granted, tmp_path: Path) -> None:
    assert curl(store.grants.put_url(KEY, expires_s=-1), b"late", tmp_path) == "403"
    other = SecretStr(store.grants.put_url(KEY, expires_s=60).get_secret_value().replace("some%20backup", "other"))
    assert curl(other, b"elsewhere", tmp_path) == "403"
    assert list(store.reader.list("")) == []


def test_one_object_is_put_and_read_by_url(store: Granted, tmp_path: Path) -> None:
    assert curl(store.grants.put_url(KEY, expires_s=60), b"a bundle", tmp_path) == "200"
    assert store.reader.read(KEY) == b"a bundle"
    assert store.send(store.grants.read_url(KEY, expires_s=60), None) == (200, b"a bundle")


def test_more_parts_than_a_page_has_are_all_found(store: Granted) -> None:
    upload_id = store.grants.begin_upload(KEY, content_type="application/zstd")
    for url in store.grants.part_urls(KEY, upload_id, 1002, expires_s=600):
        assert store.send(url, b"x")[0] == 200
    parts = store.grants.sent_parts(KEY, upload_id)
    assert [part.number for part in parts] == list(range(1, 1003))
    store.grants.abort_upload(KEY, upload_id)
