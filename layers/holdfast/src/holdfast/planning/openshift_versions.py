"""Releases of OpenShift: which may be restored into which, and which of the vendor's procedures a release has."""

from typing import Literal

from holdfast.facts.openshift_release import generation_of, read_release, stream_of
from holdfast.models.openshift import Generation

# How a restore goes. "four-pods" (4.4 to 4.17): all static pods of the control plane are stopped on every host, and
# four rollouts are forced afterwards. "etcd-alone" (from 4.18 on): only etcd is stopped, by scripts, everywhere; with
# the quorum guard off the operator brings the other members back.
RestoreKind = Literal["four-pods", "etcd-alone"]


def same_z_stream(backup: str, cluster: str) -> bool | None:
    """Whether a backup of the one may be restored into the other, which is what the vendor supports: the very same
    release, up to its last number and suffix. None when one of them is not known."""
    first, second = read_release(backup), read_release(cluster)
    return None if first is None or second is None else first == second


def restore_kind(generation: Generation) -> RestoreKind:
    """By the scripts that a host has: without its API a cluster does not tell its version."""
    return "etcd-alone" if stream_of(generation) >= (4, 18) else "four-pods"


def cluster_restore_kind(version: str) -> RestoreKind | None:
    """By the release's name; None where that tells no generation."""
    generation = generation_of(version)
    return restore_kind(generation) if generation else None
