"""`holdfast snapshot inspect` on files, real ones among them."""

from pathlib import Path

import pytest

from builders.command_line import holdfast
from builders.services import small_snapshot

REAL = Path(__file__).parents[2] / "data" / "kubeadm-a.db.zst"


def test_a_sound_file_exits_0_and_is_counted() -> None:
    ended = holdfast("snapshot", "inspect", str(REAL), "-o", "json")
    assert ended.code == 0
    assert ended.value["verdict"] == "sound"
    assert ended.value["database"]["live_keys"] == 1620
    assert ended.value["database"]["head"]["revision"] == 2549


def test_the_human_report_shows_the_largest_resources_and_all_on_request() -> None:
    short = holdfast("snapshot", "inspect", str(REAL)).stdout
    assert short.startswith(f"sound: {REAL}\n")
    assert "configmaps" in short
    assert "(--all)" in short
    everything = holdfast("snapshot", "inspect", str(REAL), "--all").stdout
    assert len(everything.splitlines()) > len(short.splitlines())
    assert "(--all)" not in everything


def test_a_damaged_file_exits_1_with_the_verdict_as_the_result(tmp_path: Path) -> None:
    raw = bytearray(small_snapshot())
    raw[5000] ^= 1
    file = tmp_path / "damaged.db"
    file.write_bytes(raw)
    ended = holdfast("snapshot", "inspect", str(file), "-o", "json")
    assert ended.code == 1
    assert ended.value["verdict"] == "damaged"
    assert ended.value["database"] is None
    assert ended.value["reason"]["code"] == ended.error["code"] == "snapshot_hash_mismatch"
    human = holdfast("snapshot", "inspect", str(file))
    assert human.stdout == f"damaged: {file}\n"
    assert human.stderr.startswith("error[snapshot_hash_mismatch]")


@pytest.mark.parametrize("name", ["missing.db", "."])
def test_no_file_is_wrong_usage(tmp_path: Path, name: str) -> None:
    ended = holdfast("snapshot", "inspect", str(tmp_path / name))
    assert ended.code == 2
    assert ended.stdout == ""
