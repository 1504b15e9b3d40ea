"""A static pod's manifest: one container of it, its flags, and which of the node's files it sees where."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from holdfast.facts.yaml_text import items, mapping, read_yaml, text_of


@dataclass(frozen=True)
class StaticPod:
    """A container of a manifest. `mounts` are (path in the container, path on the node) of its hostPath volumes."""

    manifest: str
    container: str
    image: str
    arguments: tuple[str, ...]
    mounts: tuple[tuple[str, str], ...]

    def on_node(self, path: str) -> str | None:
        """Where the node has a file of the container, None for one that it cannot see. The longest mount counts."""
        inside = [(PurePosixPath(at), PurePosixPath(host)) for at, host in self.mounts]
        known = [(at, host) for at, host in inside if PurePosixPath(path).is_relative_to(at)]
        if not known:
            return None
        at, host = max(known, key=lambda pair: len(pair[0].parts))
        return str(host / PurePosixPath(path).relative_to(at))

    @property
    def version(self) -> str:
        """The image's tag, "" for one that is named by its digest alone."""
        name, _, tag = self.image.partition("@")[0].rpartition(":")
        return tag if name and "/" not in tag else ""


def read_static_pod(manifest: str, text: str, container: str) -> StaticPod | None:
    """The container of that name, None when the manifest has none; PermanentError `node_output_unreadable`."""
    spec = mapping(read_yaml(manifest, text).get("spec"))
    found = [each for each in map(mapping, items(spec.get("containers"))) if each.get("name") == container]
    if not found:
        return None
    arguments = [text_of(each) for part in ("command", "args") for each in items(found[0].get(part))]
    return StaticPod(
        manifest=manifest,
        container=container,
        image=text_of(found[0].get("image")),
        arguments=tuple(arguments),
        mounts=_mounts(found[0], spec),
    )


def _mounts(container: dict[str, Any], spec: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    volumes = {
        text_of(volume.get("name")): text_of(mapping(volume.get("hostPath")).get("path"))
        for volume in map(mapping, items(spec.get("volumes")))
    }
    mounts = []
    for mount in map(mapping, items(container.get("volumeMounts"))):
        host = volumes.get(text_of(mount.get("name")), "")
        at = text_of(mount.get("mountPath"))
        if host.startswith("/") and at.startswith("/"):
            mounts.append((at, str(PurePosixPath(host) / text_of(mount.get("subPath")).lstrip("/"))))
    return tuple(mounts)
