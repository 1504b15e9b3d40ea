"""Which release of OpenShift may be restored into which, and how."""

import pytest

from holdfast.facts.openshift_release import Release, generation_of, read_release
from holdfast.planning.openshift_versions import cluster_restore_kind, restore_kind, same_z_stream


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("4.4.33", Release(4, 4, 33)),
        (" 4.18.12\n", Release(4, 18, 12)),
        ("4.19.0-rc.2", Release(4, 19, 0, "-rc.2")),
        ("4.21.0-0.nightly-2026-02-11-225411", Release(4, 21, 0, "-0.nightly-2026-02-11-225411")),
        ("5.0.1", Release(5, 0, 1)),
        ("", None),
        ("4.18", None),
        ("v4.18.1", None),
        ("4.18.1 or so", None),
        ("٤.18.1", None),
    ],
)
def test_a_release_is_read_from_its_name(text: str, read: Release | None) -> None:
    assert read_release(text) == read


@pytest.mark.parametrize(
    ("backup", "cluster", "same"),
    [
        ("4.18.12", "4.18.12", True),
        ("4.18.12", "4.18.13", False),
        ("4.18.12", "4.17.12", False),
        ("4.18.0-rc.1", "4.18.0", False),
        ("4.18.12", "", None),
        ("", "4.18.12", None),
        ("", "", None),
    ],
)
def test_only_the_very_same_release_is_of_the_same_z_stream(backup: str, cluster: str, *, same: bool | None) -> None:
    assert same_z_stream(backup, cluster) is same


@pytest.mark.parametrize(
    ("version", "generation"),
    [
        ("4.3.40", None),
        ("4.4.0", "4.4"),
        ("4.5.41", "4.4"),
        ("4.6.1", "4.6"),
        ("4.8.57", "4.6"),
        ("4.9.0", "4.9"),
        ("4.10.67", "4.9"),
        ("4.11.0", "4.11"),
        ("4.17.30", "4.11"),
        ("4.18.0-rc.5", "4.18"),
        ("4.22.3", "4.18"),
        ("5.1.0", "4.18"),
        ("unknown", None),
    ],
)
def test_a_release_tells_which_scripts_it_installs(version: str, generation: str | None) -> None:
    assert generation_of(version) == generation


def test_from_four_eighteen_on_only_etcd_is_stopped() -> None:
    kinds = {version: cluster_restore_kind(version) for version in ("4.4.33", "4.17.30", "4.18.0", "5.0.0", "")}
    assert kinds == {
        "4.4.33": "four-pods",
        "4.17.30": "four-pods",
        "4.18.0": "etcd-alone",
        "5.0.0": "etcd-alone",
        "": None,
    }
    assert [restore_kind(each) for each in ("4.4", "4.6", "4.9", "4.11")] == ["four-pods"] * 4
    assert restore_kind("4.18") == "etcd-alone"
