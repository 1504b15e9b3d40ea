"""A backup through nodes, called as the state machine calls its functions, with the time of every call.

The registry, the lease, the run's record and the key are in memory; nodes, sshd, etcd and the object store are real.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bench.stores import Target
from bench.worker import CLUSTER, BenchServices, Job, bucket_of, grants_of
from holdfast.engine import backup
from holdfast.models.backup import Manifest
from holdfast.models.cluster import ClusterSpec, NodeTransport, SshTransport
from holdfast.models.credentials import SshKey
from holdfast.models.run import BackupRequest, BackupState, Pending
from holdfast.planning.naming import backup_id, run_id
from holdfast.planning.runbook import Buckets
from holdfast.transports.base import Transport
from holdfast.transports.ssh.transport import SshNodes


class NodeServices(BenchServices):
    """`transport` is of SSH, with the nodes' real keys; `secrets` is the second bucket."""

    def __init__(self, job: Job, secrets: Target, transport: SshTransport, key: SshKey) -> None:
        super().__init__(job)
        self.secrets_reader = self.secrets_remover = bucket_of(secrets)
        self.secrets_grants = grants_of(secrets)
        self.buckets = lambda _: Buckets(job.target["bucket"], secrets.bucket)
        self._key = key
        self.clusters.put(ClusterSpec(id=CLUSTER, driver="kubeadm", transport=transport), replace=True)

    @property
    def nodes(self) -> Callable[[NodeTransport], Transport]:
        def transport(spec: NodeTransport) -> Transport:
            if not isinstance(spec, SshTransport):
                raise TypeError(f"the bench reaches nodes over SSH, not over {spec.kind}")
            return SshNodes(spec, self._key, self._key)

        return transport


@dataclass
class Handlers:
    """By phase, the seconds of each call of its function. What the machine waits between them costs nothing."""

    calls: dict[str, list[float]] = field(default_factory=dict)
    waited_s: int = 0

    @property
    def seconds(self) -> float:
        return sum(sum(calls) for calls in self.calls.values())

    def time[T](self, phase: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = work()
        self.calls.setdefault(phase, []).append(time.perf_counter() - started)
        return result

    def phase(self, name: str, work: Callable[[BackupState | None], BackupState]) -> BackupState:
        """Call it until it waits for nothing, sleeping as long as it says. What it is given is its own last answer."""
        state: BackupState | None = None
        while True:
            answered = self.time(name, partial(work, state))
            # Between functions it is JSON.
            state = BackupState.model_validate_json(answered.model_dump_json())
            if state.pending is None:
                return state
            self.waited_s += state.pending.wait_s
            time.sleep(state.pending.wait_s)


def back_up(services: NodeServices) -> tuple[Manifest, Handlers]:
    handlers, now = Handlers(), services.clock()
    name = run_id(CLUSTER, backup_id(now, "manual", now.isoformat()))
    request = BackupRequest(cluster=CLUSTER)

    def start(state: BackupState | None) -> BackupState:
        pending: Pending | None = state.pending if state else None
        return backup.start(services, request, name, now, pending)

    started = handlers.phase("started", start)
    stored = handlers.phase("snapshot", lambda state: backup.take_snapshot(services, state or started))
    bundled = handlers.phase("secrets", lambda state: backup.take_secrets(services, state or stored))
    manifest = handlers.time("seal", lambda: backup.seal(services, bundled))
    services.leases.release(CLUSTER, name)
    return manifest, handlers
