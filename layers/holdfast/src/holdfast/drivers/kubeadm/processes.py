"""The etcd processes of a node, as survey.sh found them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.facts.etcd_config import read_etcd_config
from holdfast.facts.frames import pairs
from holdfast.facts.process import etcd_settings


@dataclass(frozen=True)
class EtcdProcess:
    """`pod`: kubelet runs it; `container`: some runtime does. `settings` have the names of etcd's flags."""

    pod: bool
    container: bool
    cwd: str
    settings: Mapping[str, str]

    @property
    def data_dir(self) -> str:
        """etcd's own default is a folder named after the member, below where it was started."""
        named = self.settings.get("data-dir") or f"{self.settings.get('name', 'default')}.etcd"
        return str(PurePosixPath(self.cwd or "/") / named)


def read_processes(where: str, found: Mapping[str, str]) -> tuple[EtcdProcess, ...]:
    """PermanentError `node_output_unreadable` for a configuration file that is none."""
    processes = []
    for number in range(len(found)):
        section = f"etcd {number}"
        if section not in found:
            break
        about = pairs(found[section])
        text = found.get(f"{section} config")
        file = None if text is None else read_etcd_config(f"{where}: etcd's configuration file", text)
        arguments = found.get(f"{section} argv", "").splitlines()[1:]
        processes.append(
            EtcdProcess(
                pod=about.get("pod") == "yes",
                container=bool(about.get("container")),
                cwd=about.get("cwd", ""),
                settings=etcd_settings(arguments, pairs(found.get(f"{section} env", "")), file),
            )
        )
    return tuple(processes)
