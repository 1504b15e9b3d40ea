"""A node for the scripts of a restore: folders, a container runtime that runs what has a manifest, and real etcd tools.

The runtime's clients say what a real one says; kubelet is left out: a container "runs" as long as its manifest is in
the static pod folder, or its name in `stuck`.
"""

import hashlib
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders.real_etcd import RealEtcd
from builders.shell import QUICK, Ended, NodeProgram, Shell, toolbox
from holdfast import node
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.models.command import Command
from holdfast.models.restore_reports import REPORTS

RUN = "prod-20261120T154300Z-1a2b3c"
TOKEN = "holdfast-0123456789ab"
PODS = ("etcd", "kube-apiserver")

# A crictl that shows an etcd, by the question that names its namespace.
SHOWS_ETCD = """case "$*" in "ps --help") echo "   --label value" ;;
"ps --name ^etcd\\$ --label io.kubernetes.pod.namespace=kube-system -q") echo 0123 ;; esac
"""
_RUNTIME = """
crictl_runs() {{
	[ -f {folder}/manifests/$1.yaml ] || [ -f {folder}/stuck/$1 ] || return
	echo 0123456789abc
}}
case "$*" in
"ps -q") ;;
"ps --help") echo "   --label value  Filter by key=value label" ;;
"ps --name ^"*"\\$ --label io.kubernetes.pod.namespace=kube-system -q") name=${{3#^}} && crictl_runs "${{name%\\$}}" ;;
"pods "*) cat {folder}/sandboxes 2>/dev/null ;;
"exec 0123456789abc etcdctl "*) shift 3 && exec {etcdctl} "$@" ;;
*) echo "crictl: $*" >&2 && exit 2 ;;
esac
exit 0
"""
# Its image has the tools that the file `image` names.
_CTR = """
shift 2
case "$1 $2" in
"tasks list") echo "TASK PID STATUS" ;;
"containers list") ;;
"images mount")
	[ "$3" = k8s.gcr.io/etcd:3.5.1-0 ] || {{ echo "ctr: image $3: not found" >&2; exit 1; }}
	[ ! -e "$4/usr" ] || {{ echo "ctr: $4 is mounted" >&2; exit 1; }}
	mkdir -p "$4/usr/local/bin"
	for each in $(cat {folder}/image); do ln -s {tools}/$each "$4/usr/local/bin/$each"; done
	;;
"images unmount") rm -rf "$4/usr" ;;
esac
"""


class RestoreProgram(NodeProgram):
    @property
    def command(self) -> Command:
        return Command(node.change(self.name), {**QUICK, **self.values})


@dataclass
class RestoreNode:
    """`run("swap")` runs a script with the usual variables; keywords replace single ones."""

    folder: Path
    shell: Shell
    stubs: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.manifests.mkdir(parents=True)
        (self.folder / "stuck").mkdir()
        (self.folder / "image").write_text("etcd etcdctl etcdutl")
        for name in PODS:
            (self.manifests / f"{name}.yaml").write_text(f"kind: Pod # {name}\n")

    @property
    def manifests(self) -> Path:
        return self.folder / "manifests"

    @property
    def aside(self) -> Path:
        return self.folder / f"holdfast-{RUN}"

    @property
    def data(self) -> Path:
        return self.folder / "etcd"

    @property
    def keep(self) -> Path:
        return self.folder / f"etcd.holdfast-{RUN}"

    def has_data(self, text: str = "old") -> None:
        for part in ("snap", "wal"):
            (self.data / "member" / part).mkdir(parents=True)
        (self.data / "member/snap/db").write_text(text)

    def has_snapshot(self, snapshot: Path) -> dict[str, str]:
        """The values of `rebuild` for a file that was fetched."""
        self.keep.mkdir(exist_ok=True)
        raw = snapshot.read_bytes()
        (self.keep / "snapshot.db").write_bytes(raw)
        return {"sha256": hashlib.sha256(raw[:-32]).hexdigest(), "raw_size": str(len(raw))}

    def values(self, script: str, **changes: str) -> dict[str, str]:
        """Those that the script's header names."""
        usual = {
            "aside": str(self.aside),
            "pods": "\n".join(f"{name} {self.manifests}/{name}.yaml" for name in PODS),
            "manifests": str(self.manifests),
            "limit_s": "2",
            "keep": str(self.keep),
            "data_dir": str(self.data),
            "name": "n1",
            "peer_urls": "http://127.0.0.1:2380",
            "initial_cluster": "n1=http://127.0.0.1:2380",
            "token": TOKEN,
            "bump": "",
            "how": "container",
            "etcd_name": "etcd",
            "etcd_image": "k8s.gcr.io/etcd:3.5.1-0",
            "endpoint": "http://127.0.0.1:1",
            "ca": "",
            "cert": "",
            "key_file": "",
            "voters": "1",
            "asked": "1",
            "at": "0",
            "unit": "etcd.service",
            "compression": "zstd",
            "api_url": "http://127.0.0.1:1",
            "api_ca": "",
            "api_cert": "",
            "api_key": "",
            "node_name": "n1",
            "run": RUN,
            "member_id": "1",
            "certificates": "",
            "encryption_config": "",
        }
        others = {name: value for name, value in changes.items() if name not in usual}
        return {name: (usual | changes)[name] for name in variables(script)[0]} | others

    def program(self, script: str, secrets: Mapping[str, str] | None = None, /, **changes: str) -> RestoreProgram:
        place = self.folder / f"bin.{len(list(self.folder.glob('bin.*')))}"
        tools = etcd_binary("etcdctl").parent
        stubs = {
            "crictl": _RUNTIME.format(folder=self.folder, etcdctl=tools / "etcdctl"),
            "ctr": _CTR.format(folder=self.folder, tools=tools),
            **self.stubs,
        }
        path = toolbox(
            place, self.shell, without=self.without, stubs={k: v for k, v in stubs.items() if k not in self.without}
        )
        values = {"image_dir": str(self.folder / "image-dir"), **self.values(script, **changes)}
        return RestoreProgram(script, self.folder / f"step.{place.name}", self.shell, path, values, secrets or {})

    def run(self, script: str, secrets: Mapping[str, str] | None = None, /, **changes: str) -> Ended:
        return self.program(script, secrets, **changes).run()

    def done(self, script: str, secrets: Mapping[str, str] | None = None, /, **changes: str) -> dict[str, Any]:
        """Its report, which is of its form."""
        ended = self.run(script, secrets, **changes)
        assert ended.exit_code == 0, ended
        REPORTS[script].model_validate(ended.report)
        return ended.report


def variables(script: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The variables and the secrets that the header of a script names."""
    header = " ".join(
        line.removeprefix("# ") for line in node.script(f"restore/{script}").splitlines() if line.startswith("#")
    )
    text = re.sub(r"\([^)]*\)", "", header.partition("Variables:")[2]).partition(".")[0]
    plain, _, secret = text.partition("secret:")
    words = [re.findall(r"[a-z_0-9]+", part) for part in (plain, secret)]
    return tuple(words[0]), tuple(words[1])


def snapshot_of(etcd: RealEtcd, path: Path) -> Path:
    return etcd.snapshot(path)


def sha256_of(snapshot: Path) -> str:
    return hashlib.sha256(snapshot.read_bytes()[:-32]).hexdigest()


def flock_held(path: Path) -> subprocess.Popen[bytes]:
    """A process that holds the lock which etcd holds on its database."""
    process = subprocess.Popen(
        ["flock", str(path), "-c", "echo held; sleep 60"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    process.stdout.readline()
    return process
