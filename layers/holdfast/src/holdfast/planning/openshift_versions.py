"""Releases of OpenShift: which may be restored into which, and which of the vendor's procedures a release has."""

import re
from dataclasses import dataclass
from typing import Literal

from holdfast.models.openshift import Generation

# How a restore goes. "four-pods" (4.4 to 4.17): all static pods of the control plane are stopped on every host, and
# four rollouts are forced afterwards. "etcd-alone" (from 4.18 on): only etcd is stopped, by scripts, everywhere; with
# the quorum guard off the operator brings the other members back.
RestoreKind = Literal["four-pods", "etcd-alone"]

_GENERATIONS: tuple[Generation, ...] = ("4.4", "4.6", "4.9", "4.11", "4.18")
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,4})(-[0-9A-Za-z.-]{1,60})?", re.ASCII)
_MINOR = re.compile(r"(\d{1,3})\.(\d{1,3})", re.ASCII)


@dataclass(frozen=True)
class Release:
    """`suffix` is what a release candidate or a nightly build has after its number ("-rc.2"), "" for a release."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    @property
    def stream(self) -> tuple[int, int]:
        return self.major, self.minor


def read_release(version: str) -> Release | None:
    """ "4.18.12" of a ClusterVersion; None for a text that is no release's name, the empty one too."""
    found = _VERSION.fullmatch(version.strip())
    return Release(int(found[1]), int(found[2]), int(found[3]), found[4] or "") if found else None


def same_z_stream(backup: str, cluster: str) -> bool | None:
    """Whether a backup of the one may be restored into the other, which is what the vendor supports: the very same
    release, up to its last number and suffix. None when one of them is not known."""
    first, second = read_release(backup), read_release(cluster)
    return None if first is None or second is None else first == second


def generation_of(version: str) -> Generation | None:
    """Which scripts a release of that name installs; None for what is older than 4.4, or no release."""
    release = read_release(version)
    if release is None:
        return None
    known = [each for each in _GENERATIONS if _stream(each) <= release.stream]
    return known[-1] if known else None


def restore_kind(generation: Generation) -> RestoreKind:
    """By the scripts that a host has: without its API a cluster does not tell its version."""
    return "etcd-alone" if _stream(generation) >= (4, 18) else "four-pods"


def cluster_restore_kind(version: str) -> RestoreKind | None:
    """By the release's name; None where that tells no generation."""
    generation = generation_of(version)
    return restore_kind(generation) if generation else None


def _stream(text: str) -> tuple[int, int]:
    found = _MINOR.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no minor release")
    return int(found[1]), int(found[2])
