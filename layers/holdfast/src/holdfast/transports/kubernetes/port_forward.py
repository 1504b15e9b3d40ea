"""A listener on loopback whose connections come out at a port of a pod, each through a websocket of its own.

Channel 0 carries the bytes, channel 1 one text when the pod's side fails; both begin with the port's number. A thread
for each direction copies one message at a time and waits for the slower side, so memory does not grow. The protocol
has no way to say that our side ended while the other one goes on: after the end of ours, what the pod still has to say
is waited for as long as it pauses no longer than `idle_s`.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import websocket as websockets

from holdfast.errors import HoldfastError, TransientError
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.websocket import BINARY, BROKEN, CLOSE, hang_up

IDLE_S = 10.0
# What websocket messages towards the pod hold at most; requests are small, and masking costs.
_READ = 64 * 1024
_DATA, _ERROR = 0, 1


class _Forward:
    """The open connections of one listener, and the first reason why one of them failed."""

    def __init__(self, api: KubernetesApi, namespace: str, pod: str, port: int, idle_s: float) -> None:
        self._api = api
        self._idle_s = idle_s
        self._where = (namespace, pod)
        self._port = port
        self._lock = threading.Lock()
        self._open: dict[socket.socket, websockets.WebSocket | None] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False
        self.failure: HoldfastError | None = None

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._start(self._carry, client)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            pairs = list(self._open.items())
        for client, opened in pairs:
            self._part(client, opened)
        for thread in list(self._threads):
            thread.join(IDLE_S)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _carry(self, client: socket.socket) -> None:
        with client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                opened = self._api.connect(*self._where, "portforward", [("ports", str(self._port))])
            except HoldfastError as error:
                self._note(error)
                return
            with self._lock:
                if self._closed:
                    hang_up(opened)
                    return
                self._open[client] = opened
            opened.settimeout(None)
            self._start(self._outwards, client, opened)
            try:
                self._inwards(client, opened)
            finally:
                with self._lock:
                    self._open.pop(client, None)
                self._part(client, opened)

    def _inwards(self, client: socket.socket, opened: websockets.WebSocket) -> None:
        """From the pod to us, until it ends."""
        begun: set[int] = set()
        while True:
            try:
                code, data = opened.recv_data()
            except BROKEN:
                return
            if code == CLOSE:
                return
            if code != BINARY or not data:
                continue
            channel = data[0]
            if channel not in begun:  # the port's number
                begun.add(channel)
                data = data[:1] + data[3:]
            if len(data) == 1:
                continue
            if channel == _ERROR:
                self._note(self._refused(data[1:].decode(errors="replace")))
                return
            try:
                client.sendall(memoryview(data)[1:])
            except OSError:
                return

    def _outwards(self, client: socket.socket, opened: websockets.WebSocket) -> None:
        """From us to the pod, until we end."""
        try:
            while data := client.recv(_READ):
                opened.send_binary(bytes([_DATA]) + data)
            opened.settimeout(self._idle_s)
        except BROKEN:
            self._part(client, opened)

    def _part(self, client: socket.socket, opened: websockets.WebSocket | None) -> None:
        if opened is not None:
            hang_up(opened)
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _note(self, error: HoldfastError) -> None:
        self.failure = self.failure or error

    def _refused(self, said: str) -> HoldfastError:
        namespace, pod = self._where
        return TransientError(
            "kubernetes_forward_failed",
            f"port {self._port} of the pod {namespace}/{pod}: {' '.join(said.split())[:500]}",
            hint="The pod does not listen there, or its node is in trouble; see the pod's log.",
        )


@contextmanager
def port_forward(
    api: KubernetesApi, namespace: str, pod: str, port: int, *, idle_s: float = IDLE_S
) -> Iterator[tuple[str, int]]:
    """(host, port) of the listener. Nothing is connected before somebody connects to it.

    When the block fails for want of a connection, its error gives way to the API server's or the pod's own words:
    `kubernetes_forbidden` and the like, or TransientError `kubernetes_forward_failed`.
    """
    forward = _Forward(api, namespace, pod, port, idle_s)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=forward.serve, args=(listener,), daemon=True)
        serving.start()
        try:
            yield listener.getsockname()[:2]
        except (OSError, HoldfastError) as error:
            if forward.failure is not None:
                raise forward.failure from error
            raise
        finally:
            # Closing alone would not wake the thread that accepts.
            listener.shutdown(socket.SHUT_RDWR)
            serving.join(IDLE_S)
            forward.close()
