"""Where pages come from: bytes, or a file that may shrink meanwhile."""

from pathlib import Path

import pytest

from holdfast.errors import DamagedError
from holdfast.etcd.format.source import BytesSource, FileSource, PageSource

DATA = bytes(range(200))


def refusal(source: PageSource, offset: int, length: int) -> str:
    with pytest.raises(DamagedError) as caught:
        source.read(offset, length)
    return caught.value.code


def test_a_source_gives_exactly_what_is_asked_and_nothing_outside(tmp_path: Path) -> None:
    path = tmp_path / "database"
    path.write_bytes(DATA + b"behind the database")
    with path.open("rb") as file:
        for source in (BytesSource(DATA), FileSource(file.fileno(), len(DATA))):
            assert source.read(0, 200) == DATA
            assert source.read(190, 10) == DATA[190:]
            assert source.read(200, 0) == b""
            for offset, length in [(190, 11), (201, 0), (-1, 5), (5, -1), (1 << 70, 1)]:
                assert refusal(source, offset, length) == "snapshot_truncated"


def test_a_file_that_shrank_since_it_was_measured_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "database"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        assert refusal(FileSource(file.fileno(), 300), 150, 100) == "snapshot_truncated"
