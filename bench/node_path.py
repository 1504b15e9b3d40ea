"""How long a node works for a backup beside `etcdctl snapshot save` there, and how long the functions do.

python -m bench.node_path --mb 400 --s3 ceph -o json
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.backup import empty, work
from bench.command import command, machine
from bench.fill import MB, fill
from bench.node_backup import Handlers, NodeServices, back_up
from bench.problem import BenchError
from bench.stores import Target, store, with_bucket
from bench.worker import Result, job_of
from holdfast.local.machines.kubeadm_files import PKI
from holdfast.models.backup import Manifest
from holdfast.models.cluster import SshNode, SshTransport

# The nodes are those of the tests, which are no package of the product's.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench.node_watch import Watch, step_of, step_seconds
from builders.kubeadm_node import DATA, KubeadmCluster, KubeadmNode, kubeadm_cluster
from builders.node import USER, why_no_nodes
from builders.ssh_keys import client_key

MEMBERS = 3


@dataclass
class Rounds:
    """What each round took; the figures are medians over the rounds, the largest for memory."""

    save: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)
    bundle: list[float] = field(default_factory=list)
    handlers: list[Handlers] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    verify: list[Result] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)
    last: Manifest | None = None

    def figures(self) -> dict[str, object]:
        if self.last is None:
            raise BenchError("no round was made")
        snapshot = self.last.snapshot
        beyond = median((step - save) / save for step, save in zip(self.step, self.save, strict=True))
        verify = median(result.seconds for result in self.verify)
        return {
            "db_mb": round(snapshot.raw_size / MB, 1),
            "etcdctl_save_s": round(median(self.save), 3),
            "step_s": round(median(self.step), 3),
            "beyond": round(beyond, 3),
            "node_peak_mb": {name: round(peak / MB, 1) for name, peak in sorted(self.peaks.items())},
            "bundle_s": round(median(self.bundle), 3),
            "handlers_s": round(median(each.seconds for each in self.handlers), 3),
            "handler_phases_s": self._by_phase(sum, 3),
            "handler_calls": self._by_phase(len, 0),
            "waited_s": median(each.waited_s for each in self.handlers),
            "start_to_sealed_s": round(median(self.whole), 3),
            "verify_s": round(verify, 3),
            "verify_mb_s": round(snapshot.raw_size / MB / verify, 1),
            "compressed_ratio": round(snapshot.size / snapshot.raw_size, 4),
        }

    def _by_phase(self, of: Callable[[list[float]], float], digits: int) -> dict[str, float]:
        phases = self.handlers[-1].calls
        return {name: round(median(of(each.calls[name]) for each in self.handlers), digits) for name in phases}


def measure(cluster: KubeadmCluster, target: Target, repeat: int, note: Console) -> Rounds:
    rounds, secrets = Rounds(), with_bucket(target)
    services = NodeServices(job_of(cluster, target), secrets, _transport(cluster), client_key())
    for node in cluster.nodes:
        _save(node)  # warms the page cache
    for number in range(repeat):
        note.print(f"round {number + 1} of {repeat}")
        os.sync()  # nobody pays for what the one before left to be written
        started = time.perf_counter()
        with Watch(cluster.nodes) as watch:
            manifest, handlers = back_up(services)
        rounds.whole.append(time.perf_counter() - started)
        rounds.last = manifest
        rounds.handlers.append(handlers)
        rounds.peaks = {name: max(peak, rounds.peaks.get(name, 0)) for name, peak in watch.peaks.items()}
        node = cluster.node(manifest.source.node)
        rounds.step.append(step_seconds(step_of(node, "snapshot")))
        rounds.bundle.append(max(step_seconds(step_of(each, "bundle")) for each in cluster.nodes))
        os.sync()
        rounds.save.append(_save(node))
        os.sync()
        rounds.verify.append(work(job_of(cluster, target, manifest.backup_id)))
        empty(target)
        empty(secrets)
    return rounds


def _transport(cluster: KubeadmCluster) -> SshTransport:
    nodes = tuple(
        SshNode(name=node.name, host=node.address, port=node.ssh_port, host_keys=node.fingerprints)
        for node in cluster.nodes
    )
    return SshTransport(kind="ssh", user=USER, credentials="holdfast/bench/ssh", nodes=nodes)


def _save(node: KubeadmNode) -> float:
    """Seconds of `etcdctl snapshot save` in the member's own container, as somebody on the node would run it."""
    container = node.run("crictl", "ps", "--name", "^etcd$", "-q").strip()
    file = f"{DATA}/bench.db"
    tls = ("--cacert", f"{PKI}/etcd/ca.crt", "--cert", f"{PKI}/etcd/server.crt", "--key", f"{PKI}/etcd/server.key")
    save = ("crictl", "exec", container, "etcdctl", "--endpoints", node.member.endpoint, *tls, "snapshot", "save", file)
    started = time.perf_counter()
    done = subprocess.run([*node.enter(), *save], capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode != 0:
        raise BenchError(f"etcdctl snapshot save on {node.name}: {done.stderr.strip()[-500:]}")
    node.path(file).unlink()
    return took


def run(megabytes: int, store_name: str, repeat: int, note: Console) -> dict[str, object]:
    if why := why_no_nodes():
        raise BenchError(why)
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        folder = Path(name)
        note.print(f"starting {MEMBERS} nodes and {store_name}")
        with kubeadm_cluster(folder, MEMBERS, encryption=True) as cluster, store(store_name, folder) as target:
            note.print(f"filling etcd with {megabytes} MB")
            keys = fill(cluster, megabytes)
            rounds = measure(cluster, target, repeat, note)
    return {"s3": target.name, "machine": machine(), "repeat": repeat, "keys": keys, **rounds.figures()}


def main() -> int:
    return command("measure a backup through a node against etcdctl snapshot save there", run)


if __name__ == "__main__":
    sys.exit(main())
