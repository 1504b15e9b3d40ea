"""The nodes of a cluster through its own API: steps in a privileged pod per step, programs in the etcd containers."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property

from holdfast.errors import HoldfastError, TransientError
from holdfast.models.cluster import KubernetesTransport
from holdfast.models.command import STDERR_LIMIT, STDOUT_LIMIT, Command, CommandResult
from holdfast.models.credentials import KubernetesAccess
from holdfast.transports.base import Capability, Running
from holdfast.transports.failures import cannot, unknown_node
from holdfast.transports.kubernetes import root
from holdfast.transports.kubernetes.client import KubernetesApi, Object
from holdfast.transports.kubernetes.exec import STDOUT, Container, execute, running
from holdfast.transports.kubernetes.node_pod import LABEL, is_of, is_overdue, node_pod, pod_name, state_of
from holdfast.transports.kubernetes.pods import control_plane_nodes, etcd_pod_on, is_ready
from holdfast.transports.kubernetes.port_forward import port_forward
from holdfast.transports.remote_files import command_failed
from holdfast.transports.steps import STEPS, cancel_text, read_step, start_text

# A step's pod lives this much longer than the step may, so that the step's end can be looked at.
_AFTERWARDS_S = 600
# A pod for files, streams and port-forwards; one that is waited for must be there within _START_S.
_VISIT_S = 900
_START_S = 60.0
_LOOK_S = 30.0
_EVERYWHERE: frozenset[Capability] = frozenset({"run", "upload_file", "fetch_file", "stream", "port_forward"})


class KubernetesNodes:
    """The Transport through the API server. A step has a pod of its own, which is deleted when the step has ended or is
    cancelled; one whose pod died is `node_step_lost`. While the pod is not running yet, `run` says Running.

    The other calls wait for a pod: files and port-forwards share one per node until `close`, a stream has its own.
    With `via: pod` everything is done in these pods, as over SSH, and nothing in etcd's containers.
    """

    def __init__(
        self,
        transport: KubernetesTransport,
        access: KubernetesAccess,
        *,
        steps: str = STEPS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = KubernetesApi(access)
        self._namespace = transport.namespace
        self._image = transport.image
        self._steps = steps
        self._now = now
        self._in_containers = transport.via != "pod"
        self._visits: dict[str, Container] = {}

    @property
    def capabilities(self) -> frozenset[Capability]:
        return _EVERYWHERE | {"exec"} if self._in_containers else _EVERYWHERE

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The control-plane nodes, which may need no etcd pod (etcd outside of the cluster)."""
        return control_plane_nodes(self._api)

    def run(
        self,
        node: str,
        key: str,
        command: Command,
        handle: str = "",  # noqa: ARG002 # the pod's name, which follows from the step
    ) -> Running | CommandResult:
        self._refuse_unknown(node)
        name = pod_name(node, key)
        pod = self._api.pod(self._namespace, name)
        if pod is None:
            self._create(node, key, command.timeout_s + _AFTERWARDS_S)
            return Running(handle=name)
        with self._deleted_on_failure(pod):
            state = state_of(pod, self._now())
        if state == "waiting":
            return Running(handle=name)
        if state == "ended":
            # A new pod finds the step's directory and says that its process is gone, and removes what it left.
            self._delete(pod)
            return Running(handle=name)
        text = start_text(key, command, steps=self._steps)
        try:
            output = root.run_text(self._api, self._container(name), text, _LOOK_S)
        except HoldfastError:
            if not self._is_gone(pod):
                raise
            return Running(handle=name)  # another look found the end and deleted it; the next one makes a new one
        with self._deleted_on_failure(pod):
            found = read_step(node, output)
        if isinstance(found, Running):
            return replace(found, handle=name)
        self._delete(pod)
        return found

    def cancel(self, node: str, key: str) -> None:
        """Without a pod nothing of a step runs any more; what it noted on the node is swept by a later step."""
        try:
            self._refuse_unknown(node)
            for pod in self._api.pods(self._namespace, labels=LABEL):
                if is_of(pod, node, key):
                    self._cancel_in(pod, key)
        except TransientError:
            return  # the contract: best effort for a node that does not answer; the pod has its deadline

    def _cancel_in(self, pod: Object, key: str) -> None:
        try:
            if state_of(pod, self._now()) == "ready":
                text = cancel_text(key, steps=self._steps)
                root.run_text(self._api, self._container(pod["metadata"]["name"]), text, _LOOK_S)
        finally:
            self._delete(pod)

    def upload_file(self, node: str, path: str, data: bytes, *, mode: int = 0o600) -> None:
        root.write_file(self._api, self._visit(node), node, path, data, mode)

    def fetch_file(self, node: str, path: str, *, limit: int = 1 << 20) -> bytes:
        return root.read_file(self._api, self._visit(node), node, path, limit)

    @contextmanager
    def stream(self, node: str, argv: tuple[str, ...]) -> Iterator[Iterator[bytes]]:
        self._refuse_unknown(node)
        # A pod of its own: deleting it is what ends a program that writes nothing.
        pod = self._started(node)
        try:
            with running(self._api, pod, root.chrooted(argv), stdin=False, timeout_s=_VISIT_S) as execution:

                def blobs() -> Iterator[bytes]:
                    stderr = b""
                    for channel, data in execution.messages():
                        if channel == STDOUT:
                            yield data
                        else:
                            stderr = (stderr + data)[-STDERR_LIMIT:]
                    if execution.exit_code != 0:
                        raise command_failed(node, argv[0], execution.exit_code, stderr)

                yield blobs()
        finally:
            self._api.delete_pod(pod.namespace, pod.pod)

    @contextmanager
    def port_forward(self, node: str, port: int) -> Iterator[tuple[str, int]]:
        """Through the host's network that the pod is in."""
        pod = self._visit(node)
        with port_forward(self._api, pod.namespace, pod.pod, port) as listener:
            yield listener

    def exec(self, node: str, argv: tuple[str, ...], *, timeout_s: float = 30.0) -> CommandResult:
        if not self._in_containers:
            raise cannot("kubernetes with `via: pod`", "run programs in etcd's containers")
        self._refuse_unknown(node)
        container = etcd_pod_on(self._api, node).container
        output = execute(self._api, container, argv, limit=STDOUT_LIMIT, timeout_s=timeout_s)
        return CommandResult(
            exit_code=output.exit_code,
            stdout=output.stdout.decode(errors="replace"),
            stderr=output.stderr[-STDERR_LIMIT:].decode(errors="replace").rstrip("\n"),
            truncated=output.truncated,
        )

    def close(self) -> None:
        """Also removes the pods that files and port-forwards shared; one that cannot be is ended by its deadline."""
        visits, self._visits = self._visits, {}
        for pod in visits.values():
            with suppress(HoldfastError):
                self._api.delete_pod(pod.namespace, pod.pod)
        self._api.close()

    def _create(self, node: str, key: str, lifetime_s: int) -> None:
        found = self._api.node(node)
        if found is None or not is_ready(found):
            raise TransientError(
                "node_unreachable",
                f"{node}: the API server says that the node is {'gone' if found is None else 'not ready'}",
                hint="No pod starts there before kubelet is back.",
            )
        self._sweep()
        body = node_pod(node, key, self._image, now=self._now(), lifetime_s=lifetime_s)
        self._api.create_pod(self._namespace, body)

    def _sweep(self) -> None:
        """Pods of runs that died. Those of other runs that are under way have a later deadline."""
        for pod in self._api.pods(self._namespace, labels=LABEL):
            if is_overdue(pod, self._now()):
                self._delete(pod)

    def _visit(self, node: str) -> Container:
        self._refuse_unknown(node)
        if node not in self._visits:
            self._visits[node] = self._started(node)
        return self._visits[node]

    def _started(self, node: str) -> Container:
        """A pod for this process alone, once it runs. TransientError `kubernetes_pod_pending`."""
        key = os.urandom(8).hex()
        name = pod_name(node, key)
        self._create(node, key, _VISIT_S)
        ends = time.monotonic() + _START_S
        while time.monotonic() < ends:
            pod = self._api.pod(self._namespace, name)
            if pod is None:
                break
            with self._deleted_on_failure(pod):
                if state_of(pod, self._now()) == "ready":
                    return self._container(name)
            time.sleep(0.25)
        self._api.delete_pod(self._namespace, name)
        raise TransientError(
            "kubernetes_pod_pending",
            f"the pod {self._namespace}/{name} on {node} did not start within {_START_S:g} s",
            hint="kubelet on the node may be dead, or the image slow to come.",
        )

    @contextmanager
    def _deleted_on_failure(self, pod: Object) -> Iterator[None]:
        try:
            yield
        except HoldfastError:
            with suppress(HoldfastError):  # the first error is the one to tell; the pod's own deadline ends it too
                self._delete(pod)
            raise

    def _delete(self, pod: Object) -> None:
        """This very pod: another start may have made a new one of the same name."""
        metadata = pod["metadata"]
        self._api.delete_pod(self._namespace, metadata["name"], uid=str(metadata.get("uid", "")))

    def _is_gone(self, pod: Object) -> bool:
        """This very pod, or that it is going."""
        metadata = pod["metadata"]
        found = self._api.pod(self._namespace, metadata["name"])
        if found is None or found["metadata"].get("uid") != metadata.get("uid"):
            return True
        return bool(found["metadata"].get("deletionTimestamp"))

    def _container(self, name: str) -> Container:
        return Container(self._namespace, name)

    def _refuse_unknown(self, node: str) -> None:
        if node not in self.nodes:
            raise unknown_node(node, self.nodes)
