"""The head of a stored snapshot, from a few ranged reads, in either compression."""

from dataclasses import replace

import pytest

from builders.backed_up import CLUSTER, in_gzip, one_backup, only_backup
from holdfast.engine.catalog import load_manifest
from holdfast.engine.stored_head import read_stored_head
from holdfast.errors import DamagedError
from holdfast.models.backup import Compression


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_the_head_is_read_in_either_compression(compression: Compression) -> None:
    services = one_backup()
    backup = only_backup(services)
    if compression == "gzip":
        in_gzip(services, backup)
    manifest, _ = load_manifest(services.bucket, CLUSTER, backup)
    assert manifest.snapshot.compression == compression
    assert read_stored_head(services.bucket, manifest.snapshot) == manifest.database


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": 5}, "object_size_mismatch"),
        ({"checksum": "sha256:other"}, "object_checksum_mismatch"),
        ({"raw_size": 5}, "snapshot_size_mismatch"),
        ({"compression": "zstd"}, "snapshot_seek_table_invalid"),
    ],
)
def test_each_figure_is_held_against_what_the_store_has(changes: dict[str, object], code: str) -> None:
    services = one_backup()
    sent = in_gzip(services, only_backup(services)).snapshot
    with pytest.raises(DamagedError) as error:
        read_stored_head(services.bucket, sent.model_copy(update=changes))
    assert error.value.code == code


def test_a_member_that_rotted_in_the_store_is_refused() -> None:
    services = one_backup()
    sent = in_gzip(services, only_backup(services)).snapshot
    stored = services.bucket.objects[sent.key]
    services.bucket.objects[sent.key] = replace(stored, body=stored.body[:30] + b"\0\0\0\0" + stored.body[34:])
    with pytest.raises(DamagedError, match="snapshot_compression_invalid"):
        read_stored_head(services.bucket, sent)
