"""Releases of OpenShift by their names, and which of the vendor's scripts each installs."""

import re
from dataclasses import dataclass

from holdfast.models.openshift import Generation

GENERATIONS: tuple[Generation, ...] = ("4.4", "4.6", "4.9", "4.11", "4.18")
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,4})(-[0-9A-Za-z.-]{1,60})?", re.ASCII)


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


def generation_of(version: str) -> Generation | None:
    """Which scripts a release of that name installs; None for what is older than 4.4, or no release."""
    release = read_release(version)
    if release is None:
        return None
    known = [each for each in GENERATIONS if stream_of(each) <= release.stream]
    return known[-1] if known else None


def stream_of(generation: Generation) -> tuple[int, int]:
    major, _, minor = generation.partition(".")
    return int(major), int(minor)
