"""What a survey says of a node's files and disks, and of its name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.errors import PermanentError
from holdfast.facts.certificates import node_of_kubelet
from holdfast.facts.disk import FileSystem, read_df
from holdfast.facts.process import flags
from holdfast.facts.unreadable import unreadable


@dataclass(frozen=True)
class NodeFiles:
    """`files` and `folders` exist there, links included."""

    files: frozenset[str]
    folders: frozenset[str]

    def existing(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Those that are there, without what lies below another one of them, sorted."""
        there = {path for path in paths if path in self.files or path in self.folders}
        inner = {path for path in there if any(str(parent) in there for parent in PurePosixPath(path).parents)}
        return tuple(sorted(there - inner))


def read_paths(text: str) -> NodeFiles:
    """Lines "f PATH" and "d PATH", with " -> TARGET" behind links; others are left out."""
    found: dict[str, set[str]] = {"f": set(), "d": set()}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        path = rest.partition(" -> ")[0]
        if kind in found and path.startswith("/"):
            found[kind].add(path)
    return NodeFiles(files=frozenset(found["f"]), folders=frozenset(found["d"]))


@dataclass(frozen=True)
class Disks:
    """Where our own files go, and the folders that were looked at; df fails for some, as on a dead network mount."""

    work: FileSystem
    folders: Mapping[str, FileSystem]

    def of(self, folder: str) -> FileSystem:
        """The file system of a folder, or of the next one above it that is known; that of our files otherwise."""
        for path in (folder, *map(str, PurePosixPath(folder).parents)):
            if path in self.folders:
                return self.folders[path]
        return self.work


def read_disks(what: str, text: str) -> Disks:
    """Lines "work LINE OF DF" and "PATH LINE OF DF"; PermanentError `node_output_unreadable` without the first."""
    found: dict[str, FileSystem] = {}
    for line in text.splitlines():
        path, _, row = line.partition(" ")
        try:
            found[path] = read_df(what, row)
        except PermanentError:
            continue
    if "work" not in found:
        raise unreadable(what, "df did not tell where our own files would go")
    return Disks(work=found.pop("work"), folders=found)


def told_node_name(found: Mapping[str, str]) -> str:
    """By the certificate that its kubelet shows; a kubelet without one may have been told a name. "" without either."""
    told = flags(found.get("kubelet", "").splitlines()).get("hostname-override", "")
    return node_of_kubelet(found.get("kubelet-certificate", "")) or told.lower()
