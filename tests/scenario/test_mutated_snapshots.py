"""Damaged snapshots by the thousand: each is refused in plain words, or etcd's own restore takes it too.

Half of the cases carry a fresh trailer, so that nothing but the reader's own checks stands between a damaged page and
a wrong number. What is accepted is restored by etcdutl, and some of it is started and compared with a running etcd.
"""

import io
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from builders.bolt_writer import SMALL_BUCKETS, BoltWriter, Items, delete, etcd_buckets, put, signed
from builders.compressed import packed
from builders.mutations import mutate
from builders.real_etcd import DATA, real_snapshot, restore, running_etcd
from holdfast.engine.inspect import inspect_file, unpack_stream
from holdfast.errors import DamagedError
from holdfast.models.backup import Compression
from holdfast.models.database import DatabaseSummary

CASES_IN_A_BATCH = 100
STARTED_IN_A_BATCH = 2
OUTCOMES = {
    "sound",
    "snapshot_bucket_missing",
    "snapshot_compression_invalid",
    "snapshot_empty",
    "snapshot_hash_mismatch",
    "snapshot_hash_missing",
    "snapshot_meta_invalid",
    "snapshot_page_invalid",
    "snapshot_record_invalid",
    "snapshot_truncated",
}
SECONDS_FOR_A_CASE = 10  # of processor time; a case takes some milliseconds


# A damaged snapshot from a seed.
type Make = Callable[[int], bytes]


@cache
def small_database() -> bytes:
    """About 300 KB: branches over leaves, overflow pages, deletions, leases, inline buckets, free pages."""
    records: Items = []
    for number in range(2, 260):
        key = b"/registry/%s/team-%d/name-%d" % (b"secrets" if number % 3 else b"pods", number % 5, number % 90)
        big = number % 50 == 0
        value = b"k8s:enc:aescbc:v1:key1:" + bytes([number % 256]) * (9_000 if big else number * 3)
        records.append(delete(number, key) if number % 11 == 0 else put(number, key, value, lease=number % 4))
    return BoltWriter(per_leaf=6, per_branch=9).database(etcd_buckets(records), inline=SMALL_BUCKETS, free=3)


FRAME_BYTES = 40_000


def plain(seed: int) -> bytes:
    return mutate(seed, signed(small_database()))


def plain_resigned(seed: int) -> bytes:
    return signed(mutate(seed, small_database()))


@cache
def sound_compressed(compression: Compression) -> bytes:
    return packed(signed(small_database()), FRAME_BYTES, compression)[0]


def compressed(seed: int) -> bytes:
    return mutate(seed, sound_compressed("zstd"))


def gzipped(seed: int) -> bytes:
    return mutate(seed, sound_compressed("gzip"))


def gzipped_at_its_end(seed: int) -> bytes:
    """Where the last member and the table are: damage there must not hide damage elsewhere, or pass for none."""
    sound = sound_compressed("gzip")
    return sound[:-600] + mutate(seed, sound[-600:])


def resigned_then_compressed(seed: int) -> bytes:
    return packed(plain_resigned(seed), FRAME_BYTES)[0]


def resigned_then_gzipped(seed: int) -> bytes:
    return packed(plain_resigned(seed), FRAME_BYTES, "gzip")[0]


def real_compressed(seed: int) -> bytes:
    return mutate(seed, (DATA / "kubeadm-a.db.zst").read_bytes())


def real_resigned(seed: int) -> bytes:
    return signed(mutate(seed, real_snapshot("b")[:-32]))


@contextmanager
def no_hang() -> Iterator[None]:
    """Processor time, not the clock: a busy machine is no hang. (A wait without end meets the suite's own timeout.)"""

    def stop(*_: object) -> None:
        raise AssertionError(f"still reading after {SECONDS_FOR_A_CASE} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_FOR_A_CASE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(path: Path) -> DatabaseSummary | str:
    try:
        with no_hang():
            return inspect_file(path)
    except DamagedError as error:
        return error.code if error.message and error.hint else f"{error.code} without words"


def restored(snapshot: bytes, directory: Path) -> Path | None:
    """The data directory that etcdutl made of the snapshot, None when it refused."""
    directory.mkdir()
    raw = io.BytesIO(snapshot)
    if not snapshot.startswith(bytes(8)):  # a database starts with the id of page 0
        unpack_stream([snapshot], raw := io.BytesIO())
    (directory / "snapshot.db").write_bytes(raw.getvalue())
    made = restore(directory / "snapshot.db", directory / "data")
    return None if made.returncode else directory / "data"


def run_batch(make: Make, seeds: range, directory: Path) -> Counter[str]:
    """How often each outcome came, "sound" among them."""
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        snapshot = make(seed)
        path = directory / "case"
        path.write_bytes(snapshot)
        found = outcome(path)
        outcomes["sound" if isinstance(found, DatabaseSummary) else found] += 1
        if isinstance(found, DatabaseSummary):
            data_dir = restored(snapshot, directory / f"seed-{seed}")
            assert data_dir, f"accepted {make.__name__}({seed}), which etcdutl snapshot restore refuses"
            if outcomes["sound"] <= STARTED_IN_A_BATCH:
                with running_etcd(data_dir) as etcd:
                    assert (found.hash_kv, found.live_keys) == (etcd.hash_kv(), len(etcd.live_keys()))
            shutil.rmtree(data_dir)
    return outcomes


def batch_of(make: Make, number: int, directory: Path) -> Counter[str]:
    outcomes = run_batch(make, range(number * CASES_IN_A_BATCH, (number + 1) * CASES_IN_A_BATCH), directory)
    assert outcomes.keys() <= OUTCOMES
    return outcomes


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("make", [plain, compressed])
def test_damage_that_is_not_signed_is_accepted_only_where_etcd_does(make: Make, number: int, tmp_path: Path) -> None:
    outcomes = batch_of(make, number, tmp_path)
    assert outcomes["sound"] < 10  # what hits no content: the table of frames, a header flag that nobody reads
    assert outcomes["snapshot_hash_mismatch"] > 5


@pytest.mark.parametrize("number", range(5))
def test_damage_with_a_fresh_trailer_is_accepted_only_where_etcd_does(number: int, tmp_path: Path) -> None:
    outcomes = batch_of(plain_resigned, number, tmp_path)
    assert outcomes["snapshot_page_invalid"] > 20
    assert outcomes["sound"] > 10


@pytest.mark.parametrize("make", [gzipped, gzipped_at_its_end])
def test_damage_to_gzip_members_is_accepted_only_where_etcd_does(make: Make, tmp_path: Path) -> None:
    """Members carry a checksum of their own, so damage shows there before it comes to the database's hash."""
    outcomes = batch_of(make, 0, tmp_path)
    assert outcomes["snapshot_compression_invalid"] > 40
    assert outcomes["sound"] < 60  # the extra field, a time, a letter for the system


@pytest.mark.parametrize(("make", "number"), [(resigned_then_compressed, 5), (resigned_then_gzipped, 6)])
def test_damage_that_was_compressed_is_accepted_only_where_etcd_does(make: Make, number: int, tmp_path: Path) -> None:
    outcomes = batch_of(make, number, tmp_path)
    assert outcomes["snapshot_page_invalid"] > 20
    assert outcomes["sound"] > 10


@pytest.mark.parametrize(
    ("make", "code"), [(real_compressed, "snapshot_compression_invalid"), (real_resigned, "sound")]
)
def test_damage_to_a_real_snapshot_is_accepted_only_where_etcd_does(make: Make, code: str, tmp_path: Path) -> None:
    assert run_batch(make, range(50), tmp_path)[code] > 10


def test_the_snapshots_that_are_damaged_are_sound_before(tmp_path: Path) -> None:
    forms = [signed(small_database()), sound_compressed("zstd"), sound_compressed("gzip")]
    for number, snapshot in enumerate(forms):
        path = tmp_path / "case"
        path.write_bytes(snapshot)
        assert isinstance(outcome(path), DatabaseSummary)
        assert restored(snapshot, tmp_path / str(number))
